//! What clap refuses, as one sentence: the option, the value as given, what was expected, and the way out.

use std::error::Error as _;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::model::suite::edit_distance;

/// So many letters too few, too many or other than meant are still a slip.
const MAX_SLIPS: usize = 2;

/// The sentence for `error`, which is neither help nor a version; `typed` is the whole command line.
pub(super) fn sentence(error: &clap::Error, typed: &[String]) -> String {
    let command = command(error);
    let text = |kind| words(error.get(kind)).join(" ");
    let argument = bare(&text(ContextKind::InvalidArg));
    let value = text(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::ValueValidation => refused(&argument, &value, error),
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("{argument} needs a value: {}{}", text(ContextKind::InvalidArg), one_of(error))
        }
        ErrorKind::InvalidValue => format!("{argument} '{value}' is not a choice{}", one_of(error)),
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            let way_out = match (stand_in(&command, &argument), having(&argument).as_slice()) {
                (Some(stand_in), _) => format!(": {stand_in}"),
                (None, []) => way_out(error, ContextKind::SuggestedArg, &command),
                (None, others) => format!("; it is one of {}", others.join(" and ")),
            };
            format!("{argument} is not an option of `{command}`{way_out}")
        }
        ErrorKind::UnknownArgument => match without_value(&argument, typed) {
            Some((option, taken)) => format!("{option} needs a value, and {taken} is none"),
            None => format!("'{argument}' is one argument too many; `{command} --help` says what there is"),
        },
        ErrorKind::InvalidSubcommand => no_command(&text(ContextKind::InvalidSubcommand), error, &command),
        ErrorKind::MissingRequiredArgument => {
            let missing = text(ContextKind::InvalidArg);
            format!("{missing} is missing: write `{command} {missing}`; `{command} --help` has the rest")
        }
        ErrorKind::ArgumentConflict => {
            let prior: Vec<_> = words(error.get(ContextKind::PriorArg)).iter().map(|word| bare(word)).collect();
            conflict(&argument, &prior.join(", "), &text(ContextKind::InvalidSubcommand))
        }
        ErrorKind::TooManyValues => format!("{argument} takes no further value, and '{value}' is one"),
        ErrorKind::InvalidUtf8 => format!("an argument of `{command}` is not valid UTF-8; write it in UTF-8"),
        // What is left does not occur with the arguments that there are; its first line says enough.
        _ => {
            let all = error.to_string();
            let first = all.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("{first}; see `{command} --help`")
        }
    }
}

/// What the value's own parser says. Where that begins with the value, it goes on from the option's name.
fn refused(argument: &str, value: &str, error: &clap::Error) -> String {
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    let quoted = format!("'{}'", value.trim());
    if cause.starts_with(&quoted) { format!("{argument} {cause}") } else { format!("{argument} '{value}': {cause}") }
}

fn conflict(argument: &str, prior: &str, command: &str) -> String {
    match (argument, command) {
        ("", command) => format!("{prior} stands before the command; write `shakedown {command} … {prior}`"),
        (argument, _) if argument == prior => format!("{argument} is given more than once; give it once"),
        _ => format!("{argument} contradicts {prior}; leave one out"),
    }
}

fn no_command(name: &str, error: &clap::Error, command: &str) -> String {
    if name.contains("://") {
        return format!("'{name}' is no command; to load it: `shakedown run {name}`");
    }
    format!("'{name}' is no command{}", way_out(error, ContextKind::SuggestedSubcommand, command))
}

/// What stands in for an option of `shakedown run` that another command does not have.
fn stand_in(command: &str, option: &str) -> Option<&'static str> {
    let suites = match option {
        "--duration" | "--requests" => {
            "--trial TIME is the measured time of each run, and --rounds N how many there are"
        }
        "--warmup" => "each run is loaded for about a fifth of --trial before it is measured",
        "--rate" => {
            "--load-share PERCENT says at which share of what the slowest suite carries response times are compared"
        }
        "--resumption" | "--unit" | "--requests-per-connection" => {
            "the workloads say so, such as --workload full,resumed,request"
        }
        _ => return None,
    };
    (command == "shakedown suites").then_some(suites)
}

/// What was probably meant, if clap has an idea, and where to look.
fn way_out(error: &clap::Error, kind: ContextKind, command: &str) -> String {
    let elsewhere = words(error.get(ContextKind::Suggested)).into_iter().find(|text| text.ends_with("exists"));
    match (words(error.get(kind)).as_slice(), elsewhere) {
        ([], None) => match similar(&words(error.get(ContextKind::InvalidArg)).join(" ")) {
            Some((option, elsewhere)) => {
                format!("; did you mean {option} of `{elsewhere}`? `{command} --help` lists its own")
            }
            None => format!("; `{command} --help` lists them"),
        },
        ([], Some(elsewhere)) => format!("; {elsewhere}"),
        (names, _) => format!("; did you mean {}? `{command} --help` lists them all", names.join(" or ")),
    }
}

/// Every long option of every command, with the command.
fn all_options() -> Vec<(String, String)> {
    let all = super::Cli::command();
    let of = |command: &clap::Command| -> Vec<_> {
        let name = format!("{} {}", all.get_name(), command.get_name());
        command.get_arguments().filter_map(|arg| Some((format!("--{}", arg.get_long()?), name.clone()))).collect()
    };
    all.get_subcommands().flat_map(of).collect()
}

/// The commands that have `option`.
fn having(option: &str) -> Vec<String> {
    let with = all_options().into_iter().filter(|(known, _)| known == option);
    with.map(|(_, command)| format!("`{command}`")).collect()
}

/// The option of some command that `option` is a slip of the keyboard away from, and the command.
fn similar(option: &str) -> Option<(String, String)> {
    let distances = all_options().into_iter().map(|known| (edit_distance(option, &known.0), known));
    distances
        // Of equals the first command's, in the order in which help lists them.
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= MAX_SLIPS && option.len() > 2 + MAX_SLIPS)
        .map(|(_, known)| known)
}

/// The option that took the option behind it for its value, where `argument` was meant to be the value of the latter.
fn without_value<'t>(argument: &str, typed: &'t [String]) -> Option<(&'t str, &'t str)> {
    typed.windows(3).find_map(|three| match three {
        [option, taken, last] if option.starts_with("--") && taken.starts_with("--") && last == argument => {
            Some((option.as_str(), taken.as_str()))
        }
        _ => None,
    })
}

fn one_of(error: &clap::Error) -> String {
    match words(error.get(ContextKind::ValidValue)).as_slice() {
        [] => String::new(),
        [only] => format!("; it can be {only}"),
        [rest @ .., last] => format!("; it can be {} or {last}", rest.join(", ")),
    }
}

/// The command that was asked for, such as `shakedown run`, from the usage that clap would show.
fn command(error: &clap::Error) -> String {
    let usage = words(error.get(ContextKind::Usage)).join(" ");
    let names = usage.split_whitespace().skip(1).take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    match names.collect::<Vec<_>>().join(" ") {
        none if none.is_empty() => env!("CARGO_PKG_NAME").to_owned(),
        names => names,
    }
}

/// `--rate` of `--rate <RATE>`, and `URL` of `<URL>`.
fn bare(argument: &str) -> String {
    let first = argument.split(' ').next().unwrap_or_default();
    first.trim_start_matches(['<', '[']).trim_end_matches(['>', ']', '.']).to_owned()
}

fn words(value: Option<&ContextValue>) -> Vec<String> {
    match value {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(all)) => all.clone(),
        Some(ContextValue::StyledStr(one)) => vec![one.to_string()],
        Some(ContextValue::StyledStrs(all)) => all.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}
