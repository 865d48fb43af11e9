//! An upstream in memory, on the test's own clock. It executes a batch when its time has come, and answers each line
//! with the line's own body.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use async_trait::async_trait;
use batch_gpt_actors::{
    ports::{Content, Listing, Pieces, Upstream, UpstreamFile},
    rules::{
        fault::Fault,
        ids::{BatchId, BatchKey, FileId},
        lane::Endpoint,
        time::Millis,
        upstream_batch::UpstreamBatch,
    },
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

struct Job {
    key: BatchKey,
    file: FileId,
    created: Instant,
    cancelled: bool,
}

#[derive(Default)]
struct State {
    files: Vec<(String, Bytes)>,
    jobs: Vec<Job>,
    polls: usize,
    looking: usize,
    most_looking: usize,
    refused_looks: usize,
    cancellations: usize,
    faults: HashMap<&'static str, Vec<Fault>>,
    executed: HashMap<String, usize>,
    removed: Vec<FileId>,
}

/// See the module.
pub struct MemoryUpstream {
    state: Mutex<State>,
    takes: Duration,
    runs: &'static str,
    ends: &'static str,
    look_takes: Duration,
    limited: Option<(Instant, Millis)>,
    obeys: bool,
}

impl MemoryUpstream {
    /// Every batch takes so long, and ends so.
    pub fn new(takes: Duration, ends: &'static str) -> Self {
        let (runs, look_takes) = ("in_progress", Duration::ZERO);
        Self { state: Mutex::default(), takes, runs, ends, look_takes, limited: None, obeys: false }
    }

    /// Every batch has this status until it ends.
    pub fn running_as(self, runs: &'static str) -> Self {
        Self { runs, ..self }
    }

    /// A batch that is cancelled ends at once, with all its lines executed.
    pub fn obeying(self) -> Self {
        Self { obeys: true, ..self }
    }

    /// A look takes so long.
    pub fn looked_at_for(self, look_takes: Duration) -> Self {
        Self { look_takes, ..self }
    }

    /// For so long every look is refused, with the wish that the next one comes so much later.
    pub fn limited(self, lasts: Duration, retry_after: Millis) -> Self {
        Self { limited: Some((Instant::now() + lasts, retry_after)), ..self }
    }

    /// The next calls of this name fail in turn.
    pub fn fail(&self, call: &'static str, faults: Vec<Fault>) {
        self.state.lock().unwrap().faults.insert(call, faults);
    }

    pub fn polls(&self) -> usize {
        self.state.lock().unwrap().polls
    }

    /// Looks that were refused because of the limit.
    pub fn refused_looks(&self) -> usize {
        self.state.lock().unwrap().refused_looks
    }

    pub fn cancellations(&self) -> usize {
        self.state.lock().unwrap().cancellations
    }

    /// The most looks that were under way together.
    pub fn most_looking(&self) -> usize {
        self.state.lock().unwrap().most_looking
    }

    /// Files that were removed, in their order.
    pub fn removed(&self) -> Vec<FileId> {
        self.state.lock().unwrap().removed.clone()
    }

    /// The lines of every batch created.
    pub fn batches(&self) -> Vec<Vec<Value>> {
        let state = self.state.lock().unwrap();
        let lines = |job: &Job| {
            let at: usize = job.file.as_str()[5..].parse().unwrap();
            let text = std::str::from_utf8(&state.files[at].1).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        state.jobs.iter().map(lines).collect()
    }

    fn fault(&self, call: &'static str) -> Result<(), Fault> {
        let mut state = self.state.lock().unwrap();
        match state.faults.get_mut(call).filter(|faults| !faults.is_empty()) {
            Some(faults) => Err(faults.remove(0)),
            None => Ok(()),
        }
    }

    fn describe(&self, state: &State, number: usize) -> UpstreamBatch {
        let job = &state.jobs[number];
        let status = match job.created.elapsed() >= self.takes {
            _ if job.cancelled => "cancelled",
            true => self.ends,
            false => self.runs,
        };
        let output = job.cancelled || (status == self.ends && status != "failed");
        let object = json!({
            "id": format!("batch_{number}"),
            "status": status,
            "created_at": number,
            "input_file_id": job.file,
            "output_file_id": if output { json!(format!("out-{number}")) } else { Value::Null },
            "metadata": { "batch_gpt_key": job.key },
        });
        UpstreamBatch::parse(&object.to_string()).unwrap()
    }
}

fn number(id: &str) -> usize {
    id.rsplit(['_', '-']).next().unwrap().parse().unwrap()
}

#[async_trait]
impl Upstream for MemoryUpstream {
    async fn upload(&self, name: &str, content: Content) -> Result<FileId, Fault> {
        self.fault("upload")?;
        let pieces: Vec<Bytes> = content.pieces.map(Result::unwrap).collect().await;
        let bytes = Bytes::from(pieces.concat());
        assert_eq!(bytes.len() as u64, content.length, "the announced length is the true one");
        let mut state = self.state.lock().unwrap();
        state.files.push((name.into(), bytes));
        Ok(FileId::from(format!("file-{}", state.files.len() - 1).as_str()))
    }

    async fn create(&self, file: &FileId, _: Endpoint, key: BatchKey) -> Result<UpstreamBatch, Fault> {
        let fault = self.fault("create");
        let lost = fault.as_ref().is_err_and(|fault| matches!(fault, Fault::Ambiguous(_)));
        if fault.is_ok() || lost {
            let mut state = self.state.lock().unwrap();
            state.jobs.push(Job { key, file: file.clone(), created: Instant::now(), cancelled: false });
        }
        fault?;
        let state = self.state.lock().unwrap();
        Ok(self.describe(&state, state.jobs.len() - 1))
    }

    async fn retrieve(&self, id: &BatchId) -> Result<UpstreamBatch, Fault> {
        {
            let mut state = self.state.lock().unwrap();
            state.polls += 1;
            state.looking += 1;
            state.most_looking = state.most_looking.max(state.looking);
        }
        tokio::time::sleep(self.look_takes).await;
        self.state.lock().unwrap().looking -= 1;
        self.fault("retrieve")?;
        if let Some((until, wish)) = self.limited.filter(|(until, _)| Instant::now() < *until) {
            self.state.lock().unwrap().refused_looks += 1;
            let why = format!("429 until {until:?}");
            return Err(Fault::Limited { retry_after: Some(wish), why });
        }
        let state = self.state.lock().unwrap();
        Ok(self.describe(&state, number(id.as_str())))
    }

    async fn cancel(&self, id: &BatchId) -> Result<UpstreamBatch, Fault> {
        {
            let mut state = self.state.lock().unwrap();
            state.cancellations += 1;
            state.jobs[number(id.as_str())].cancelled = self.obeys;
        }
        self.retrieve(id).await
    }

    async fn list_batches(&self, _: Option<&BatchId>) -> Result<Listing<UpstreamBatch>, Fault> {
        let state = self.state.lock().unwrap();
        let items = (0..state.jobs.len()).rev().map(|number| self.describe(&state, number)).collect();
        Ok(Listing { items, has_more: false })
    }

    async fn list_files(&self, _: Option<&FileId>) -> Result<Listing<UpstreamFile>, Fault> {
        let state = self.state.lock().unwrap();
        let file = |(number, (name, _)): (usize, &(String, Bytes))| UpstreamFile {
            id: FileId::from(format!("file-{number}").as_str()),
            name: name.clone(),
            created_at: u64::MAX,
        };
        Ok(Listing { items: state.files.iter().enumerate().map(file).rev().collect(), has_more: false })
    }

    async fn remove(&self, file: &FileId) -> Result<(), Fault> {
        self.fault("remove")?;
        self.state.lock().unwrap().removed.push(file.clone());
        Ok(())
    }

    async fn content(&self, file: &FileId) -> Result<Pieces, Fault> {
        self.fault("content")?;
        let mut state = self.state.lock().unwrap();
        let input = number(state.jobs[number(file.as_str())].file.as_str());
        let lines = String::from_utf8(state.files[input].1.to_vec()).unwrap();
        let mut output: Vec<Bytes> = Vec::new();
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let id = line["custom_id"].as_str().unwrap().to_owned();
            *state.executed.entry(id.clone()).or_default() += 1;
            let response = json!({ "status_code": 200, "body": line["body"] });
            output.push(format!("{}\n", json!({ "custom_id": id, "response": response })).into());
        }
        output.reverse();
        Ok(stream::iter(output.into_iter().map(Ok)).boxed())
    }
}
