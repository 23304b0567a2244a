//! Bytes of disk a like, and the time from the start of a killed server to its first answer.

use std::io;
use std::path::Path;

use crate::likes::Like;
use crate::redis::Redis;
use crate::service::{Keeping, Node, Service, start_time, write_all};
use crate::{Scale, grouped};

/// Likes of each post.
const LIKES_A_POST: usize = 10;

/// Users, who like some twenty posts each.
const USERS: usize = 500_000;

pub(crate) fn run(folder: &Path, scale: Scale, with_redis: bool) {
    println!("### After kill -9: disk, and from start to first answer\n");
    println!(
        "| likes | bytes a like | start | Redis: bytes a like | start |\n|---:|---:|---:|---:|---:|"
    );
    for likes in scale.restarts {
        let ours = cells(restart::<Node>(&folder.join(format!("restart-{likes}")), likes, scale));
        let theirs = with_redis.then(|| {
            cells(restart::<Redis>(&folder.join(format!("restart-redis-{likes}")), likes, scale))
        });
        let theirs = theirs.as_deref().unwrap_or("- | -");
        println!("| {} | {ours} | {theirs} |", grouped(f64::from(likes)));
    }
    println!();
}

fn cells((bytes, seconds): (f64, f64)) -> String {
    format!("{bytes:.1} | {seconds:.2} s")
}

/// Bytes on disk a like, and the median of the seconds that starts take.
fn restart<S: Service>(folder: &Path, likes: u32, scale: Scale) -> (f64, f64) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    let service = S::start(folder, Keeping::Never);
    write_all(&service, likes as usize, false, |number| Like {
        post: (number / LIKES_A_POST) as u32,
        user: (number.wrapping_mul(7919) % USERS) as u32,
    });
    drop(service);
    let bytes = disk_bytes(folder).expect("the folder can be read") as f64 / f64::from(likes);
    let start = |_| start_time::<S>(folder, Keeping::Never).as_secs_f64();
    let mut seconds: Vec<f64> = (0..scale.runs).map(start).collect();
    seconds.sort_by(f64::total_cmp);
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
    (bytes, seconds[seconds.len() / 2])
}

/// Bytes that the files of a folder take on disk.
fn disk_bytes(folder: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes +=
            if metadata.is_dir() { disk_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
