//! `shakedown profiles [NAME]`: the bundled profiles, listed or printed; and how `--profile` finds one.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::exit::Failed;
use super::output;
use crate::model::profile::{Profile, bundled, bundled_text};

/// The largest profile that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The bundled profiles: listed, or one of them printed
#[derive(Debug, Args)]
pub(super) struct ProfilesArgs {
    /// The profile to print
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(super) fn execute(args: &ProfilesArgs) -> Result<ExitCode, Failed> {
    match &args.name {
        Some(name) => {
            let text = bundled_text(name).ok_or_else(|| unknown(name))?;
            output::print(|out| out.write_all(text.as_bytes()))?;
        }
        None => {
            let width = bundled().map(str::len).max().unwrap_or(0);
            output::print(|out| {
                for name in bundled() {
                    let description = load(name).map(|profile| profile.description).unwrap_or_default();
                    writeln!(out, "{name:width$}  {description}")?;
                }
                writeln!(
                    out,
                    "\n`shakedown profiles NAME` prints one; `--profile` takes a name, or the path of a file of your own"
                )
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str) -> Failed {
    let names = bundled().collect::<Vec<_>>().join(", ");
    Failed::usage(format!("'{name}' is not a bundled profile; these are: {names}"))
}

/// The profile that `--profile` names: a bundled one, or a file.
pub(super) fn load(name: &str) -> Result<Profile, Failed> {
    let parse = |file: &str, text: &str| {
        Profile::parse(file, text).map_err(|error| Failed::usage(format!("--profile: {error}")))
    };
    if let Some(text) = bundled_text(name) {
        return parse(name, text);
    }
    let path = Path::new(name);
    let looks_like_a_path = name.contains('/') || path.extension().is_some_and(|extension| extension == "toml");
    if !looks_like_a_path && !path.exists() {
        let names = bundled().collect::<Vec<_>>().join(", ");
        return Err(Failed::usage(format!(
            "--profile: '{name}' is neither a bundled profile ({names}) nor a file; give the path of a TOML file"
        )));
    }
    let cannot = |why: String| Failed::could_not_run(format!("--profile: cannot read {name}: {why}"));
    let size = std::fs::metadata(path).map_err(|error| cannot(error.to_string()))?.len();
    if size > MAX_BYTES {
        return Err(cannot(format!("it has {size} bytes, and a profile has at most {MAX_BYTES}")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
    parse(name, &text)
}
