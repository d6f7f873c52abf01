//! `shakedown completions` and `shakedown man`: what a shell and a reader of manuals know of the command line, made from it.

use std::process::ExitCode;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

use super::exit::Failed;
use super::{Cli, output};

/// The shells that there are completions for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShellArg {
    Bash,
    Zsh,
    Fish,
}

const AFTER_HELP: &str = "\
Examples:
  shakedown completions bash > ~/.local/share/bash-completion/completions/shakedown
  shakedown completions zsh > \"${fpath[1]}/_shakedown\"
  shakedown completions fish > ~/.config/fish/completions/shakedown.fish";

/// What a shell needs to complete commands and options
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: ShellArg,
}

/// The manual page, of the whole or of one command
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  shakedown man run | man -l -")]
pub(super) struct ManArgs {
    /// The command
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<ExitCode, Failed> {
    let shell = match args.shell {
        ShellArg::Bash => Shell::Bash,
        ShellArg::Zsh => Shell::Zsh,
        ShellArg::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    let mut all = Cli::command();
    let name = all.get_name().to_owned();
    clap_complete::generate(shell, &mut all, name, &mut script);
    output::print(|out| out.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(args: &ManArgs) -> Result<ExitCode, Failed> {
    let mut all = Cli::command();
    // Pages of commands are named as their usage is, with the program's name before.
    all.build();
    let page = match &args.command {
        None => all,
        Some(name) => {
            let names: Vec<_> = all.get_subcommands().map(|known| known.get_name().to_owned()).collect();
            let found = all.find_subcommand(name).cloned();
            found.ok_or_else(|| Failed::usage(format!("'{name}' is no command; these are: {}", names.join(", "))))?
        }
    };
    let title = page.get_display_name().unwrap_or(page.get_name()).to_owned();
    output::print(|out| Man::new(page).title(title).render(out))?;
    Ok(ExitCode::SUCCESS)
}
