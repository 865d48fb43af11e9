//! What went wrong at the server, and what the caller may do about it.
//!
//! A fault's words go to logs and terminals, so nothing of the connection string's secrets may stand in them.

use batch_gpt_actors::ports::StoreFault;
use mongodb::error::{Error, ErrorKind, WriteFailure};

/// A document with that `_id`, or that unique value, is there already.
pub(super) const DUPLICATE_KEY: i32 = 11000;

/// Names the store in faults, and keeps its secrets out of them.
#[derive(Clone)]
pub(super) struct Speaker {
    place: String,
    secrets: Vec<String>,
}

impl Speaker {
    /// Speaks of the server behind a connection string.
    pub(super) fn of(uri: &str) -> Self {
        let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        // A password that should have been encoded may hold any delimiter, so the last `@` is what counts.
        let (user_info, rest) = after_scheme.rsplit_once('@').unwrap_or(("", after_scheme));
        let hosts = rest.split(['/', '?']).next().unwrap_or_default();
        let password = user_info.split_once(':').map_or("", |(_, password)| password);
        let decoded = percent_decoded(password);
        let pieces = password.split([':', '/', '?', '&', '=', '@', '#']);
        let options = rest.split_once('?').map_or("", |(_, options)| options).split('&');
        let hidden = options.filter_map(|option| option.split_once('=')).filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name.contains("password") || name.contains("properties")
        });
        let mut secrets: Vec<String> = [password, &decoded]
            .into_iter()
            .chain(pieces)
            .chain(hidden.flat_map(|(_, value)| value.split([':', ','])))
            .filter(|secret| !secret.is_empty())
            .map(str::to_owned)
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { place: hosts.to_owned(), secrets }
    }

    /// Where the server is, for people.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The driver's own words without any secret.
    fn hush(&self, words: String) -> String {
        self.secrets.iter().fold(words, |words, secret| words.replace(secret, "***"))
    }

    /// A fault of the driver or the server.
    pub(super) fn fault(&self, error: &Error) -> StoreFault {
        let place = self.place();
        match &*error.kind {
            ErrorKind::Authentication { .. } => self.stranger(),
            ErrorKind::InvalidArgument { message, .. } => StoreFault::Unusable(format!(
                "the MongoDB connection string is not right ({}); correct MONGODB_URI",
                self.hush(message.clone())
            )),
            ErrorKind::InvalidTlsConfig { message, .. } => StoreFault::Unusable(format!(
                "the TLS settings for MongoDB are not right ({}); correct MONGODB_URI",
                self.hush(message.clone())
            )),
            ErrorKind::IncompatibleServer { message, .. } => StoreFault::Unusable(format!(
                "the MongoDB server at {place} is too old ({}); 4.4 and newer are known to work",
                self.hush(message.clone())
            )),
            ErrorKind::ServerSelection { message, .. } => {
                log::debug!("{}", self.hush(message.clone()));
                StoreFault::Unavailable(format!("no MongoDB server that takes writes answers at {place}"))
            }
            ErrorKind::Bson(error) => self.damaged(&error.to_string()),
            ErrorKind::Command(error) => self.refusal(error.code, &error.message),
            ErrorKind::Write(WriteFailure::WriteError(error)) => self.refusal(error.code, &error.message),
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
                self.unavailable(&format!("{} ({})", error.message, error.code))
            }
            ErrorKind::InsertMany(errors) => {
                let refused = errors.write_errors.iter().flatten();
                match refused.into_iter().find(|error| error.code != DUPLICATE_KEY) {
                    Some(error) => self.refusal(error.code, &error.message),
                    None => self.unavailable("a write was not confirmed by a majority"),
                }
            }
            other => self.unavailable(&other.to_string()),
        }
    }

    /// The server said no, with a number that says why.
    pub(super) fn refusal(&self, code: i32, message: &str) -> StoreFault {
        match code {
            // Unauthorized, AuthenticationFailed.
            13 | 18 => self.stranger(),
            // BadValue, FailedToParse, TypeMismatch, IllegalOperation, InvalidNamespace, CannotCreateIndex,
            // IndexOptionsConflict, IndexKeySpecsConflict, DocumentValidationFailure, BSONObjectTooLarge: the same
            // call cannot go well later.
            2 | 9 | 14 | 20 | 67 | 73 | 85 | 86 | 121 | 10334 => StoreFault::Unusable(format!(
                "MongoDB at {} refused what it should take: {} ({code})",
                self.place,
                self.hush(message.to_owned())
            )),
            _ => self.unavailable(&format!("{message} ({code})")),
        }
    }

    /// It may go well later.
    pub(super) fn unavailable(&self, why: &str) -> StoreFault {
        StoreFault::Unavailable(format!("MongoDB at {}: {}", self.place, self.hush(why.to_owned())))
    }

    /// What stands in the database is not what this gateway writes.
    pub(super) fn damaged(&self, what: &str) -> StoreFault {
        StoreFault::Unusable(format!(
            "the database at MongoDB {} holds what this batch-gpt cannot read ({}); set MONGO_DATABASE to another \
             one, or start the version that wrote it",
            self.place,
            self.hush(what.to_owned())
        ))
    }

    fn stranger(&self) -> StoreFault {
        StoreFault::Unusable(format!(
            "MongoDB at {} does not accept the user and password; correct MONGO_USER and MONGO_PASSWORD, or \
             MONGODB_URI",
            self.place
        ))
    }
}

/// What a password with `%40` and the like stands for.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match rest {
            [b'%', high, low, ..] => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &rest[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_said() {
        for (uri, place, secrets) in [
            ("mongodb://ann:s3cret@db:27017/x", "db:27017", vec!["s3cret"]),
            ("mongodb://ann:s3%40cret@db/x", "db", vec!["s3%40cret", "s3@cret"]),
            ("mongodb://ann:s3/cr?et@db/x", "db", vec!["s3/cr?et", "cr", "et"]),
            ("mongodb+srv://ann:a:b@one,two/?w=1", "one,two", vec!["a:b"]),
            (
                "mongodb://db/?tlsCertificateKeyFilePassword=open&authMechanismProperties=AWS_SESSION_TOKEN:tok",
                "db",
                vec!["open", "tok"],
            ),
            ("mongodb://ann@db", "db", vec![]),
            ("not a uri", "not a uri", vec![]),
        ] {
            let speaker = Speaker::of(uri);
            assert_eq!(speaker.place(), place, "{uri}");
            for secret in secrets {
                let said = speaker.unavailable(&format!("[{secret}]")).to_string();
                assert!(!said.contains(&format!("[{secret}]")), "{said}");
            }
        }
    }

    #[test]
    fn server_codes_say_whether_to_come_back() {
        let speaker = Speaker::of("mongodb://ann:s3cret@db");
        assert!(matches!(speaker.refusal(18, "no"), StoreFault::Unusable(_)));
        assert!(matches!(speaker.refusal(85, "no"), StoreFault::Unusable(_)));
        // OutOfDiskSpace, NotWritablePrimary.
        assert!(matches!(speaker.refusal(14031, "full"), StoreFault::Unavailable(_)));
        assert!(matches!(speaker.refusal(10107, "no"), StoreFault::Unavailable(_)));
    }
}
