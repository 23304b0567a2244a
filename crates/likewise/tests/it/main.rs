//! A node from outside: its routes, its limits, its command line, and what a crash may not take.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod process;

mod api;

mod access;

mod http_limits;

mod edge;

mod config;

mod cli;

mod backup;

mod restoring;

mod crash;

mod disk;

mod voter;

mod open_files;

mod name_server;

mod promql;

mod dashboards;

mod compose;

mod tidy;
