//! `likewise keygen`: a new secret for a cluster.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::args::KeygenArgs;
use crate::client::ClientError;
use crate::cluster::key_file::{KeyFile, generate};

/// Makes a key file, and never writes over one: that could lock nodes out for good.
pub(crate) fn run(args: &KeygenArgs) -> Result<(), ClientError> {
    if let Some(path) = args.file.as_ref().filter(|path| args.keep && path.exists()) {
        return judge(path);
    }
    let text = generate()
        .map_err(|error| ClientError::file("draw random numbers")(io::Error::other(error)))?;
    let Some(path) = &args.file else { return super::print(text) };
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let remedy =
                "there is a file already: name another one, or remove it if no node uses it";
            io::Error::new(error.kind(), remedy)
        }
        _ => error,
    };
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| ClientError::file(format!("make {}", path.display()))(failed(error)))
}

/// Whether a file that is kept is a key file: what a crash cut off is better said here than by every node.
fn judge(path: &Path) -> Result<(), ClientError> {
    KeyFile::read(path).map(drop).map_err(|error| {
        ClientError::file(format!("keep {}", path.display()))(io::Error::other(error))
    })
}
