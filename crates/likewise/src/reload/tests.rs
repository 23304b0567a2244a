//! What a change of a file comes to, look by look.

use std::os::unix::fs::symlink;

use super::*;

/// A number from a file, and how to look at it.
fn number(file: &Path) -> (Reloader, Reloaded<u32>) {
    let mut reloader = Reloader::new().unwrap();
    let path = file.to_owned();
    let load = move || {
        let text = String::from_utf8(bytes(&path).map_err(|error| error.to_string())?);
        let text = text.map_err(|error| error.to_string())?;
        text.trim().parse::<u32>().map_err(|error| format!("{text:?}: {error}"))
    };
    let number = reloader.add("the number", vec![file.to_owned()], load).unwrap();
    (reloader, number)
}

impl Reloader {
    fn look(&mut self, asked: bool) {
        look(&mut self.watched, asked, &self.stale);
    }
}

#[tokio::test]
async fn a_changed_file_is_loaded_once_it_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    std::fs::write(&file, "1").unwrap();
    let (mut reloader, number) = number(&file);
    assert_eq!(*number.now(), 1);
    // Longer each time: the clock of a file system may be coarse.
    std::fs::write(&file, "22").unwrap();
    reloader.look(false);
    assert_eq!(*number.now(), 1, "it may be half written");
    std::fs::write(&file, "333").unwrap();
    reloader.look(false);
    assert_eq!(*number.now(), 1, "it still changes");
    reloader.look(false);
    assert_eq!(*number.now(), 333);
}

#[tokio::test]
async fn who_asks_gets_the_file_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    std::fs::write(&file, "1").unwrap();
    let (mut reloader, number) = number(&file);
    std::fs::write(&file, "22").unwrap();
    reloader.look(true);
    assert_eq!(*number.now(), 22);
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_is_tried_once_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    std::fs::write(&file, "1").unwrap();
    let (mut reloader, number) = number(&file);
    let held = number.now();
    for bad in ["none", "", "999999999999"] {
        std::fs::write(&file, bad).unwrap();
        reloader.look(false);
        reloader.look(false);
        assert_eq!((*number.now(), reloader.stale().get()), (1, 1), "{bad:?}");
        assert_eq!(reloader.watched[0].loaded, marks(std::slice::from_ref(&file)), "{bad:?}");
    }
    std::fs::remove_file(&file).unwrap();
    reloader.look(true);
    assert_eq!(*number.now(), 1);
    std::fs::write(&file, "22").unwrap();
    reloader.look(false);
    reloader.look(false);
    assert_eq!((*number.now(), *held), (22, 1));
    assert_eq!(reloader.stale().get(), 0);
}

#[tokio::test]
async fn a_link_that_points_elsewhere_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, text) in [("v1", "1"), ("v2", "2")] {
        std::fs::create_dir(at(version)).unwrap();
        std::fs::write(at(version).join("number"), text).unwrap();
    }
    // As Kubernetes lays out a secret: number -> ..data/number, ..data -> v1.
    symlink("v1", at("..data")).unwrap();
    symlink("..data/number", at("number")).unwrap();
    let (mut reloader, number) = number(&at("number"));
    symlink("v2", at("..new")).unwrap();
    std::fs::rename(at("..new"), at("..data")).unwrap();
    reloader.look(false);
    reloader.look(false);
    assert_eq!(*number.now(), 2);
}

#[tokio::test]
async fn a_file_that_can_not_be_loaded_at_first_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    let mut reloader = Reloader::new().unwrap();
    let load = || bytes(&file.clone());
    assert!(load().is_err());
    let path = file.clone();
    let missing = reloader.add("it", vec![file.clone()], move || bytes(&path));
    assert_eq!(missing.err().unwrap().kind(), io::ErrorKind::NotFound);
    assert!(reloader.watched.is_empty());
    std::fs::write(&file, vec![0; FILE_BYTES_MAX as usize]).unwrap();
    assert_eq!(bytes(&file).unwrap().len() as u64, FILE_BYTES_MAX);
    std::fs::write(&file, vec![0; FILE_BYTES_MAX as usize + 1]).unwrap();
    assert!(bytes(&file).unwrap_err().to_string().contains("more than 1048576 bytes"));
}

#[tokio::test]
async fn a_signal_loads_and_does_not_end_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("number");
    std::fs::write(&file, "1").unwrap();
    let (reloader, number) = number(&file);
    let (without, _) = (Reloader::new().unwrap(), ());
    let tasks = [tokio::spawn(reloader.run()), tokio::spawn(without.run())];
    std::fs::write(&file, "22").unwrap();
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
    let loaded = async {
        while *number.now() != 22 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Within less than a look, so that it was the signal.
    tokio::time::timeout(LOOK_INTERVAL, loaded).await.unwrap();
    assert!(tasks.iter().all(|task| !task.is_finished()));
}
