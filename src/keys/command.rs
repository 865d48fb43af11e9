//! `batch-gpt keys`: makes, lists and revokes the keys in a file.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use batch_gpt_actors::rules::time::Timestamp;
use clap::{Args, Subcommand, ValueEnum};
use jiff::{Span, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    file::{BadKeyFile, KeyFile},
    record::{KeyRecord, NewKey, Standing},
    tenant,
};
use crate::{http::gateway::now, terminal::table::pad};

/// Flags of `keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key for a tenant and print it, this once; only its hash is kept
    Create(CreateArgs),
    /// List the keys: ids, tenants, times; never a key itself
    List(FileArgs),
    /// Take back one key by its id, or all keys of a tenant by its name
    Revoke(RevokeArgs),
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The file of keys that the gateway reads
    #[arg(long, env = "BATCH_GPT_KEYS_FILE", value_name = "FILE")]
    pub keys_file: String,
    /// In which form
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub output: Form,
}

/// Flags of `keys create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Whose key it is to be: 1 to 64 letters, digits, '-', '_' or '.'. A tenant may have several keys
    pub name: String,
    /// When it ends: a span such as 90d or 12h, or a day such as 2027-01-31 (its beginning, in UTC) [default: never]
    #[arg(long, value_name = "WHEN")]
    pub expires: Option<String>,
    /// Which file.
    #[command(flatten)]
    pub file: FileArgs,
}

/// Flags of `keys revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// A key's id, or a tenant's name
    #[arg(value_name = "ID|NAME")]
    pub which: String,
    /// Which file.
    #[command(flatten)]
    pub file: FileArgs,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Table,
    /// For scripts
    Json,
}

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}: {1}")]
    File(String, BadKeyFile),
    #[error("there is no key or tenant {0} whose keys could be revoked")]
    Nobody(String),
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// Runs a command. A key, a list and what was revoked go to standard output, everything else to standard error.
pub fn run(args: &KeysArgs) -> ExitCode {
    let done = match &args.command {
        Command::Create(args) => create(args),
        Command::List(args) => list(args),
        Command::Revoke(args) => revoke(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("batch-gpt: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) { 2 } else { 1 })
        }
    }
}

fn create(args: &CreateArgs) -> Result<(), Failure> {
    let words = "is no name: 1 to 64 letters, digits, '-', '_' or '.' are allowed";
    let tenant = tenant(&args.name).ok_or_else(|| Failure::Usage(format!("{:?} {words}", args.name)))?;
    let now = now();
    let expires_at = args.expires.as_deref().map(|text| end(text, now)).transpose()?;
    let NewKey { key, record } = NewKey::make(tenant, now, expires_at)?;
    // A key whose record is not kept must not be seen.
    change(&args.file, |keys| keys.push(record.clone()))?;
    let mut out = io::stdout().lock();
    if args.file.output == Form::Json {
        let mut object = object(&record, now);
        object["key"] = json!(key);
        writeln!(out, "{object}")?;
        return Ok(());
    }
    writeln!(out, "{key}")?;
    eprintln!("{} for {}; it is shown this once", record.id, record.tenant);
    Ok(())
}

fn list(args: &FileArgs) -> Result<(), Failure> {
    let file = KeyFile::at(&args.keys_file);
    let keys = file.read().map_err(|error| Failure::File(args.keys_file.clone(), error))?;
    show(&keys, args.output)
}

fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    let now = now();
    let revoked = change(&args.file, |keys| {
        let by_id = keys.iter().any(|record| record.id == args.which);
        let meant = |record: &KeyRecord| {
            let name = if by_id { &*record.id } else { &*record.tenant.0 };
            name == args.which && record.standing(now) == Standing::Active
        };
        let mut revoked = Vec::new();
        for record in keys.iter_mut().filter(|record| meant(record)) {
            record.revoked_at = Some(now.seconds());
            revoked.push(record.clone());
        }
        revoked
    })?;
    if revoked.is_empty() {
        return Err(Failure::Nobody(args.which.clone()));
    }
    show(&revoked, args.file.output)
}

fn change<T>(args: &FileArgs, change: impl FnOnce(&mut Vec<KeyRecord>) -> T) -> Result<T, Failure> {
    let file = KeyFile::at(&args.keys_file);
    file.change(change).map_err(|error| Failure::File(args.keys_file.clone(), error))
}

/// The second at which a key ends.
fn end(text: &str, now: Timestamp) -> Result<u64, Failure> {
    let bad = || Failure::Usage(format!("--expires {text}: a span such as 90d or a day to come is allowed"));
    let begin = jiff::Timestamp::from_millisecond(i64::try_from(now.0).map_err(|_| bad())?);
    let begin = begin.map_err(|_| bad())?.to_zoned(TimeZone::UTC);
    let end = match (text.parse::<Date>(), text.parse::<Span>()) {
        (Ok(day), _) => day.to_zoned(TimeZone::UTC),
        (_, Ok(span)) => begin.checked_add(span),
        (Err(_), Err(error)) => Err(error),
    };
    let end = u64::try_from(end.map_err(|_| bad())?.timestamp().as_second()).map_err(|_| bad())?;
    if end > now.seconds() { Ok(end) } else { Err(bad()) }
}

fn show(keys: &[KeyRecord], form: Form) -> Result<(), Failure> {
    let now = now();
    let mut out = io::stdout().lock();
    if form == Form::Json {
        let objects: Vec<Value> = keys.iter().map(|record| object(record, now)).collect();
        writeln!(out, "{}", json!(objects))?;
        return Ok(());
    }
    let heading = ["ID", "TENANT", "STATE", "CREATED", "EXPIRES", "REVOKED"].map(str::to_owned);
    let rows: Vec<[String; 6]> =
        std::iter::once(heading).chain(keys.iter().map(|record| row(record, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| pad(cell, width, false)).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn row(record: &KeyRecord, now: Timestamp) -> [String; 6] {
    let time = |seconds: Option<u64>| {
        let known =
            seconds.and_then(|seconds| jiff::Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
        known.map_or_else(|| "-".into(), |time| time.to_string())
    };
    [
        record.id.clone(),
        record.tenant.to_string(),
        record.standing(now).as_str().into(),
        time(Some(record.created_at)),
        time(record.expires_at),
        time(record.revoked_at),
    ]
}

/// A key as scripts see it. Its hash is nobody's business.
fn object(record: &KeyRecord, now: Timestamp) -> Value {
    json!({
        "id": record.id,
        "tenant": record.tenant,
        "status": record.standing(now).as_str(),
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_span_or_a_day_to_come() {
        let now = Timestamp(1_000_000_000_000);
        assert_eq!(end("90d", now).unwrap(), 1_000_000_000 + 90 * 86_400);
        assert_eq!(end("12h", now).unwrap(), 1_000_000_000 + 12 * 3_600);
        assert_eq!(end("2027-01-31", now).unwrap(), 1_801_353_600);
        for bad in ["soon", "", "0d", "-3d", "2001-01-01", "9999999999y"] {
            assert!(matches!(end(bad, now), Err(Failure::Usage(_))), "{bad}");
        }
    }
}
