//! A node of the release after this one, as far as that can be had before it is written: this program itself,
//! with the same code, which says that it also speaks the next version of the protocol. What it says then is
//! what the version before says, so nodes of both must get along, and must find out which version to speak.

use std::process::ExitCode;
use std::time::Instant;

use likewise::args::{Args, Command};
use likewise::banner::Banner;
use likewise::{Config, Server, logging, signals};

use super::say;

/// Serves as `likewise` would that had been given the command line of this process.
pub(crate) fn serve() -> ExitCode {
    logging::abort_on_panic();
    let Command::Serve(args) = Args::from_command_line().command else {
        say("as a node of the next release this program only serves\n");
        return ExitCode::from(2);
    };
    let mut config = Config::load(&args.settings, args.config.as_deref()).unwrap();
    config.cluster.as_mut().unwrap().versions.newest += 1;
    logging::start(&config);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let started = Instant::now();
        let shutdown = signals::shutdown().unwrap();
        let server = Server::bind(config.clone()).await.unwrap();
        let banner = Banner::of(&server, &config, &[], started.elapsed());
        eprint!("{banner}");
        server.run(shutdown).await.unwrap();
    });
    ExitCode::SUCCESS
}
