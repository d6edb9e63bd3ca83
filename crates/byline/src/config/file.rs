//! The configuration file: its keys become the defaults of the arguments, so that flags and variables win.

use std::path::Path;

use clap::builder::OsStr;
use clap::{Arg, Command};
use toml::{Table, Value};

/// `command` with the defaults that the file at `path` gives.
pub(super) fn apply(mut command: Command, path: &Path) -> Result<Command, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read the file {shown}: {error}"))?;
    let table: Table = text.parse().map_err(|error| format!("{shown} is not valid TOML: {error}"))?;
    for (key, value) in table {
        let arg = find(&command, &key).map_err(|wrong| format!("{shown}: {wrong}"))?;
        let values = texts(&value, arg)
            .and_then(|values| check(arg, values))
            .map_err(|wrong| format!("{shown}: `{key}`: {wrong}"))?;
        let id = arg.get_id().clone();
        command = command.mut_arg(id, |arg| arg.default_values(values));
    }
    Ok(command)
}

/// The argument that a key stands for.
fn find<'a>(command: &'a Command, key: &str) -> Result<&'a Arg, String> {
    let known = || command.get_arguments().filter(|arg| arg.is_global_set() && arg.get_id() != "config");
    known().find(|arg| arg.get_id() == key).ok_or_else(|| {
        let nearest = super::nearest(key, known().map(|arg| arg.get_id().as_str()));
        let hint = nearest.map(|known| format!("; did you mean `{known}`?")).unwrap_or_default();
        format!("there is no setting `{key}`{hint}")
    })
}

/// A value as it would be written on the command line.
fn texts(value: &Value, arg: &Arg) -> Result<Vec<String>, String> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Integer(number) => Ok(vec![number.to_string()]),
        Value::Array(items) if arg.get_value_delimiter().is_some() => {
            let texts = items.iter().map(|item| texts(item, arg));
            Ok(texts.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Value::Array(_) => Err("it takes one value, not an array".into()),
        other => Err(format!("it cannot be a {}; write it in quotes", other.type_str())),
    }
}

/// Refuses what the argument would refuse on the command line, in the same words.
fn check(arg: &Arg, values: Vec<String>) -> Result<Vec<OsStr>, String> {
    let alone = Command::new("byline").no_binary_name(true).arg(arg.clone().env(clap::builder::Resettable::Reset));
    let flag = arg.get_long().unwrap_or_default();
    alone.try_get_matches_from(values.iter().map(|value| format!("--{flag}={value}"))).map_err(|error| {
        let message = error.to_string();
        message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })?;
    Ok(values.into_iter().map(OsStr::from).collect())
}
