//! The command line as typed. What the settings of `serve` mean is the matter of [`crate::config`].

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::access::right::Right;
use crate::config::settings::Settings;

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed or refused, 2 wrong usage or settings, 3 node unreachable";

/// A likes service without a leader: every like counts once, wherever and however often it arrives.
#[derive(Debug, Parser)]
#[command(name = "likewise", version, after_help = EXIT_CODES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a node
    Serve(Box<ServeArgs>),
    /// Like a post
    Like(WriteArgs),
    /// Take a like back
    Unlike(WriteArgs),
    /// Show how many users like each post
    Count(CountArgs),
    /// List the users who like a post, one a line
    Users(UsersArgs),
    /// List the most liked posts
    Top(TopArgs),
    /// Write likes from a file of NDJSON, as `export` makes it
    Import(ImportArgs),
    /// Write all likes to a file of NDJSON, from which `import` restores them exactly
    Export(ExportArgs),
    /// Write all likes to a file from which `restore` brings them back, checked and in little room
    Backup(BackupArgs),
    /// Merge a backup into the likes of a node and its cluster; nothing is taken back, and to repeat it is safe
    Restore(RestoreArgs),
    /// Measure a node. It writes likes of posts whose names start with `bench-`
    Bench(BenchArgs),
    /// Ask whether a node is ready; exit code 0 if it is
    Health(HealthArgs),
    /// Show the members of the cluster as a node sees them
    Members(MembersArgs),
    /// Make a node leave its cluster cleanly and stop
    Leave(LeaveArgs),
    /// Forget a member that is down or has left and will not come back
    Forget(ForgetArgs),
    /// Make the secret of a cluster
    Keygen(KeygenArgs),
    /// Make a token for clients: it goes to standard output, its line for the tokens file to standard error
    Token(TokenArgs),
    /// Run a whole cluster on this machine, to look at; nothing of it is kept
    Demo(DemoArgs),
}

/// `likewise serve`
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// TOML file of settings, named as the flags are; flags and variables go over it
    #[arg(long, env = "LIKEWISE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Stop cleanly when standard input ends: so nodes never outlive whoever started them
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
    /// The settings of the node.
    #[command(flatten)]
    pub settings: Settings,
}

/// Where the node is.
#[derive(Clone, Debug, clap::Args)]
pub struct NodeArgs {
    /// Where the node is
    #[arg(long, env = "LIKEWISE_URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// File with the certificates, as PEM, of who may have signed the certificate of an https:// node; the
    /// authorities of the web unless given
    #[arg(long, env = "LIKEWISE_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// File with the token to show, alone in it; without one the variable LIKEWISE_TOKEN may hold the token itself
    #[arg(long, env = "LIKEWISE_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

/// What is to stand behind an answer.
#[derive(Clone, Debug, clap::Args)]
pub struct ConsistencyArgs {
    /// What stands behind the answer: the node (local), or a majority of the voters for one like (quorum) or
    /// for a whole post (linearizable); the node's own choice unless given
    #[arg(long, value_name = "LEVEL")]
    pub consistency: Option<String>,
    /// How long the voters may take, such as 500ms or 2s
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
}

/// `likewise like` and `likewise unlike`
#[derive(Debug, clap::Args)]
pub struct WriteArgs {
    /// The post
    pub post: String,
    /// The user
    pub user: String,
    /// Version of the like that you last saw, which makes it safe to repeat the command at any time
    #[arg(long, value_name = "VERSION")]
    pub seen: Option<u32>,
    /// Kind of the like
    #[arg(long, default_value = "like")]
    pub kind: String,
    /// Print the node's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// What is to stand behind the answer.
    #[command(flatten)]
    pub consistency: ConsistencyArgs,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise count`
#[derive(Debug, clap::Args)]
pub struct CountArgs {
    /// The posts
    #[arg(required = true, value_name = "POST")]
    pub posts: Vec<String>,
    /// Kind of the likes
    #[arg(long, default_value = "like")]
    pub kind: String,
    /// Fail unless each post has exactly so many likes, after asking for 10 s at most
    #[arg(long, value_name = "COUNT")]
    pub expect: Option<u64>,
    /// Print a JSON object a line
    #[arg(long)]
    pub json: bool,
    /// What is to stand behind the answer.
    #[command(flatten)]
    pub consistency: ConsistencyArgs,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise users`
#[derive(Debug, clap::Args)]
pub struct UsersArgs {
    /// The post
    pub post: String,
    /// Kind of the likes
    #[arg(long, default_value = "like")]
    pub kind: String,
    /// Print a JSON text a line, which keeps apart users whose ids hold line breaks
    #[arg(long)]
    pub json: bool,
    /// What is to stand behind the answer.
    #[command(flatten)]
    pub consistency: ConsistencyArgs,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise top`
#[derive(Debug, clap::Args)]
pub struct TopArgs {
    /// How many posts
    #[arg(long, default_value_t = 10, value_name = "COUNT")]
    pub limit: u32,
    /// Kind of the likes
    #[arg(long, default_value = "like")]
    pub kind: String,
    /// Print a JSON object a line
    #[arg(long)]
    pub json: bool,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise import`
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The file, or `-` for standard input
    pub file: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise export`
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The file, or `-` for standard output
    pub file: PathBuf,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise backup`
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// The file, or `-` for standard output
    pub file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
    /// Print what the backup holds as JSON
    #[arg(long)]
    pub json: bool,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise restore`
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The file; with --check also `-` for standard input
    pub file: PathBuf,
    /// Only check that the file is whole, and say what it holds; no node is asked
    #[arg(long)]
    pub check: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise bench`
#[derive(Debug, clap::Args)]
pub struct BenchArgs {
    /// Connections at once
    #[arg(long, default_value_t = 64, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Seconds for each kind of request
    #[arg(long, default_value_t = 5, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub seconds: u32,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise health`
#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise members`
#[derive(Debug, clap::Args)]
pub struct MembersArgs {
    /// Print the node's answer as JSON
    #[arg(long)]
    pub json: bool,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise leave`
#[derive(Debug, clap::Args)]
pub struct LeaveArgs {
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise forget`
#[derive(Debug, clap::Args)]
pub struct ForgetArgs {
    /// The member's name, or its id where two have one name
    pub name: String,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `likewise keygen`
#[derive(Debug, clap::Args)]
pub struct KeygenArgs {
    /// The file to make, readable by its owner only; without it the secret goes to standard output
    pub file: Option<PathBuf>,
    /// Leave a file that is there already as it is, and call that done
    #[arg(long, requires = "file")]
    pub keep: bool,
}

/// `likewise token`
#[derive(Debug, clap::Args)]
pub struct TokenArgs {
    /// What it gives: read, write (includes read) or admin (includes both)
    #[arg(value_parser = PossibleValuesParser::new(Right::ALL.map(Right::as_str)).map(named_right))]
    pub right: Right,
    /// What logs call whoever shows it
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

fn named_right(name: String) -> Right {
    Right::of_name(&name).expect("only the names of rights are possible")
}

/// `likewise demo`
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// How many nodes
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub nodes: u32,
}

impl Args {
    /// Reads the command line of this process; on wrong usage says so and ends it with exit code 2.
    #[must_use]
    pub fn from_command_line() -> Self {
        let matches = command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

/// The command line, with the real defaults of the settings in the help.
#[must_use]
pub fn command() -> clap::Command {
    let defaults = Settings::defaults().table();
    Args::command().mut_subcommand("serve", |serve| {
        serve.mut_args(|arg| {
            let Some(value) = arg.get_long().and_then(|long| defaults.get(long)) else {
                return arg;
            };
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            arg.help(format!("{help} [default: {value}]")).hide_env_values(true)
        })
    })
}
