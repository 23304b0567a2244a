//! Bytes of memory a like.
//!
//! For Likewise by the growth of what the system gives the process, with all its buffers; for Redis by the
//! growth of `used_memory`, which leaves out what its allocator holds and does not use.

use std::path::Path;
use std::sync::Arc;

use crate::likes::{Like, even, one_post, zipf};
use crate::redis::Redis;
use crate::service::{Keeping, Node, Service, write_all};
use crate::{Scale, grouped};

/// What a shape is called, and what makes its likes when their turn comes.
type Shape = (&'static str, Box<dyn Fn() -> Vec<Like>>);

pub(crate) fn run(folder: &Path, scale: Scale, with_redis: bool) {
    println!("### Bytes of memory a like: string ids, fresh servers that keep nothing on disk\n");
    println!("| shape | likes | Likewise | Redis | ratio |\n|---|---:|---:|---:|---:|");
    let all = scale.likes;
    let shapes: [Shape; 4] = [
        ("1 post x 1M users", Box::new(move || one_post(all))),
        ("10k posts x 100 users of 300k", Box::new(move || even(all / 100, 100))),
        ("1M posts x 3 users of 300k", Box::new(move || even(all, 3))),
        ("1M draws over 200k posts by Zipf 1.1", Box::new(move || zipf(all, all / 5))),
    ];
    for (name, make) in shapes {
        let likes = Arc::new(make());
        let ours = growth::<Node>(folder, &likes);
        let theirs = with_redis.then(|| growth::<Redis>(folder, &likes));
        let of_redis = theirs.map_or_else(|| "-".to_owned(), |bytes| format!("{bytes:.1}"));
        let ratio = theirs.map_or_else(|| "-".to_owned(), |theirs| format!("{:.2}", ours / theirs));
        println!("| {name} | {} | {ours:.1} | {of_redis} | {ratio} |", grouped(likes.len() as f64));
    }
    println!();
}

fn growth<S: Service>(folder: &Path, likes: &Arc<Vec<Like>>) -> f64 {
    let service = S::start(folder, Keeping::InMemory);
    let before = service.memory_bytes();
    let (likes, written) = (likes.clone(), likes.len());
    write_all(&service, written, false, move |number| likes[number]);
    (service.memory_bytes() - before) / written as f64
}
