//! Changes of documents, and the commands that they make.

use batch_gpt_actors::{ports::StoreFault, rules::ids::RequestId};
use mongodb::bson::{Binary, Bson, Document, doc};

use super::{Mongo, row::request_id};

/// Ids that one statement names.
const IDS: usize = 10_000;

/// Bytes and statements of one update command, well below the server's 16 MiB and 100,000.
const COMMAND_BYTES: usize = 8 << 20;
const COMMAND_STATEMENTS: usize = 1_000;

/// A statement of an update command.
pub(super) struct Update {
    /// Which documents.
    pub(super) filter: Document,
    /// What becomes of them.
    pub(super) change: Bson,
    /// Whether one is made where there is none.
    pub(super) upsert: bool,
}

impl Update {
    /// A change of the documents that are there.
    pub(super) fn new(filter: Document, change: Document) -> Self {
        Self { filter, change: change.into(), upsert: false }
    }
}

/// Statements that change those requests of `ids` of which this holds.
pub(super) fn by_ids(
    ids: impl Iterator<Item = RequestId>,
    such: &Document,
    change: &Document,
) -> impl Iterator<Item = Update> {
    let ids: Vec<Binary> = ids.map(request_id).collect();
    let statements = ids.chunks(IDS).map(|ids| {
        let mut filter = doc! { "_id": { "$in": ids.to_vec() } };
        filter.extend(such.clone());
        Update::new(filter, change.clone())
    });
    statements.collect::<Vec<_>>().into_iter()
}

/// Runs statements in their order. The driver's own bulk write needs a newer server than most have.
pub(super) async fn update(mongo: &Mongo, collection: &str, updates: Vec<Update>) -> Result<(), StoreFault> {
    let mut commands = vec![(Vec::new(), 0)];
    for update in updates {
        let statement =
            doc! { "q": update.filter, "u": update.change, "multi": !update.upsert, "upsert": update.upsert };
        let length = statement.to_vec().map_err(|error| mongo.speaker.fault(&error.into()))?.len();
        match commands.last_mut() {
            Some((statements, bytes))
                if *bytes + length <= COMMAND_BYTES && statements.len() < COMMAND_STATEMENTS =>
            {
                statements.push(statement);
                *bytes += length;
            }
            _ => commands.push((vec![statement], length)),
        }
    }
    for (statements, _) in commands {
        if !statements.is_empty() {
            run(mongo, collection, statements).await?;
        }
    }
    Ok(())
}

async fn run(mongo: &Mongo, collection: &str, statements: Vec<Document>) -> Result<(), StoreFault> {
    let command = doc! {
        "update": collection,
        "updates": statements,
        "ordered": true,
        "writeConcern": { "w": "majority", "j": true },
    };
    let answer = mongo.call(mongo.database.run_command(command)).await?;
    if let Ok(errors) = answer.get_array("writeErrors")
        && let Some(error) = errors.iter().find_map(Bson::as_document)
    {
        let message = error.get_str("errmsg").unwrap_or_default();
        return Err(mongo.speaker.refusal(error.get_i32("code").unwrap_or_default(), message));
    }
    if let Ok(error) = answer.get_document("writeConcernError") {
        let message = error.get_str("errmsg").unwrap_or_default();
        return Err(mongo.speaker.unavailable(message));
    }
    Ok(())
}
