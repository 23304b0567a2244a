//! `likewise token`: a new token, and the line that lets a node know it.

use std::io::{self, Write};

use crate::access::tokens::{check_name, make};
use crate::args::TokenArgs;
use crate::client::ClientError;

/// Makes a token. It goes to standard output and its line to standard error, so that a script can send each where
/// it belongs: the secret to whoever is to hold it, the line to the file of the nodes.
pub(crate) fn run(args: &TokenArgs) -> Result<(), ClientError> {
    let name = args.name.as_deref().unwrap_or_default().trim();
    check_name(name).map_err(|problem| {
        let error = io::Error::new(io::ErrorKind::InvalidInput, format!("it {problem}"));
        ClientError::file(format!("name a token {name:?}"))(error)
    })?;
    let made = make(args.right, name)
        .map_err(|error| ClientError::file("draw random numbers")(io::Error::other(error)))?;
    // The line first: without it the token is of no use to anybody.
    writeln!(io::stderr(), "{}", made.line)
        .map_err(ClientError::file("write to standard error"))?;
    super::print(format!("{}\n", made.token))
}
