//! Where the journal is.

use std::path::PathBuf;

use super::check::{Check, given};
use crate::{cli::ServeArgs, store::Location};

/// A user or password as a connection string wants it: everything but letters and digits escaped.
fn percent(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escaped).collect()
}

impl Check {
    /// Setting any one of the MongoDB variables chooses MongoDB; a whole connection string wins over its parts.
    pub(super) fn store(&mut self, args: &ServeArgs) -> Location {
        let parts = [&args.mongo_host, &args.mongo_port, &args.mongo_user, &args.mongo_database];
        let password =
            args.mongo_password.as_ref().map(|secret| secret.0.as_str()).filter(|it| !it.is_empty());
        let uri = args.mongodb_uri.as_ref().map(|secret| secret.0.trim()).filter(|uri| !uri.is_empty());
        if uri.is_none() && password.is_none() && parts.iter().all(|part| given(part).is_none()) {
            let folder = given(&args.data_dir).unwrap_or("./batch-gpt-data");
            return Location::Embedded { folder: PathBuf::from(folder) };
        }
        let database = given(&args.mongo_database).unwrap_or("batchgpt").to_owned();
        if let Some(uri) = uri {
            if !uri.starts_with("mongodb://") && !uri.starts_with("mongodb+srv://") {
                self.problem(
                    "MONGODB_URI",
                    "…",
                    "a mongodb:// or mongodb+srv:// connection string is allowed",
                );
            }
            return Location::Mongo { uri: uri.to_owned(), database };
        }
        let host = given(&args.mongo_host).unwrap_or("localhost");
        let port = self.number("MONGO_PORT", &args.mongo_port, 27_017, 1..=65_535u16);
        // An empty user is said on purpose: no authentication.
        let user = args.mongo_user.as_deref().unwrap_or("admin").trim();
        let password = password.unwrap_or("password");
        let login = match user {
            "" => String::new(),
            user => format!("{}:{}@", percent(user), percent(password)),
        };
        // One host was named, and is meant: a member of a replica set may announce names that lead nowhere from here.
        Location::Mongo { uri: format!("mongodb://{login}{host}:{port}/?directConnection=true"), database }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Secret, config::Config};

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn any_mongodb_variable_chooses_mongodb_and_a_whole_string_wins() {
        let simulate = || ServeArgs { simulate: true, ..ServeArgs::default() };
        let store = |args: ServeArgs| Config::parse(&args).unwrap().store;
        assert!(matches!(store(simulate()), Location::Embedded { .. }));
        let by_host = ServeArgs { mongo_host: some("db"), ..simulate() };
        let uri = "mongodb://admin:password@db:27017/?directConnection=true".to_owned();
        assert_eq!(store(by_host), Location::Mongo { uri, database: "batchgpt".into() });
        let odd = ServeArgs { mongo_password: Some(Secret("p@ss/w:rd".into())), ..simulate() };
        let uri = "mongodb://admin:p%40ss%2Fw%3Ard@localhost:27017/?directConnection=true".to_owned();
        assert_eq!(store(odd), Location::Mongo { uri, database: "batchgpt".into() });
        let unset =
            ServeArgs { mongo_host: some(""), mongo_password: Some(Secret(String::new())), ..simulate() };
        assert!(matches!(store(unset), Location::Embedded { .. }));
        let open = ServeArgs { mongo_user: some(""), mongo_port: some("1"), ..simulate() };
        let uri = "mongodb://localhost:1/?directConnection=true".to_owned();
        assert_eq!(store(open), Location::Mongo { uri, database: "batchgpt".into() });
        let whole = ServeArgs {
            mongodb_uri: Some(Secret("mongodb://a,b/?replicaSet=rs".into())),
            mongo_host: some("ignored"),
            mongo_database: some("mine"),
            ..simulate()
        };
        let uri = "mongodb://a,b/?replicaSet=rs".to_owned();
        assert_eq!(store(whole), Location::Mongo { uri, database: "mine".into() });
    }
}
