//! The `likewise` program: reads the command line, runs the command, answers with an exit code.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use likewise::args::{Args, Command, ServeArgs};
use likewise::banner::Banner;
use likewise::config::LogFormat;
use likewise::{Config, Server, commands, logging, open_files, signals};

/// How long what runs beside a node that has stopped may go on, such as writing down its peers' addresses.
/// Then it is left behind: a look-up of a name that no server answers may take minutes, and can't be called off.
const LINGER: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    logging::abort_on_panic();
    let (code, error) = match Args::from_command_line().command {
        Command::Serve(args) => match Config::load(&args.settings, args.config.as_deref()) {
            Ok(config) => (1, serve(config, &args).err()),
            Err(error) => (2, Some(error.into())),
        },
        command => match commands::run(&command) {
            Ok(()) => (0, None),
            Err(error) => (error.exit_code(), Some(error.into())),
        },
    };
    let Some(error) = error else { return ExitCode::SUCCESS };
    // Nobody is left to be told if standard error is gone.
    let _ = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::from(code)
}

fn serve(config: Config, args: &ServeArgs) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run(config, args));
    runtime.shutdown_timeout(LINGER);
    ended
}

async fn run(config: Config, args: &ServeArgs) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    logging::start(&config);
    tracing::debug!(?config, file = ?args.config, "effective settings");
    open_files::allow(config.connections_max);
    let shutdown = signals::shutdown_or_end_of_input(args.until_stdin_ends)?;
    let server = Server::bind(config.clone()).await?;
    let warnings = config.warnings();
    let banner = Banner::of(&server, &config, &warnings, started.elapsed());
    match config.log_format {
        LogFormat::Human => write!(std::io::stderr(), "{banner}")?,
        LogFormat::Json => banner.log(),
    }
    server.run(shutdown).await?;
    tracing::info!("stopped");
    Ok(())
}
