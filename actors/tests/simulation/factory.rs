//! Files and batches upstream.

use std::collections::{HashMap, HashSet, VecDeque};

use batch_gpt_actors::{
    ports::UpstreamFile,
    rules::{
        ids::{BatchId, BatchKey, FileId, RequestId, key_of_file},
        upstream_batch::UpstreamBatch,
    },
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    books::Books,
    job::{Job, Line},
    ledger::Ledger,
    op::Plan,
    world::World,
};

struct File {
    listed: UpstreamFile,
    lines: Vec<Line>,
}

#[derive(Default)]
pub struct Factory {
    files: Vec<File>,
    jobs: Vec<Job>,
    plans: VecDeque<Plan>,
    /// Prompts whose line no validation passes, and whether it is named.
    poisoned: HashMap<u8, bool>,
    pub removed: HashSet<FileId>,
    pub ledger: Ledger,
    /// Batches that were refused for good before they were created; `None` stands for any.
    pub turned_away: HashSet<Option<BatchKey>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    custom_id: RequestId,
    method: &'a str,
    url: &'a str,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The number in a body's prompt.
pub fn prompt(body: &[u8]) -> u8 {
    let digits = body.split(|byte| *byte == b'#').nth(1).unwrap_or_default();
    digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |n, digit| n * 10 + (digit - b'0'))
}

impl Factory {
    pub fn plan(&mut self, plan: Plan) {
        self.plans.push_back(plan);
    }

    pub fn poison(&mut self, prompt: u8, named: bool) {
        self.poisoned.insert(prompt, named);
    }

    /// What is under way goes on as planned; nothing new goes wrong, but for what clients do wrong themselves.
    pub fn calm(&mut self) {
        self.plans.clear();
        self.ledger.calm();
    }

    /// Lets everything happen that has happened by now.
    pub fn until(&mut self, now: u64) -> &mut Self {
        let open = self.jobs.iter().enumerate().filter(|(_, job)| job.end.is_none());
        let ends = open.filter_map(|(n, job)| Some((job.ends_at()?, n)));
        let mut due: Vec<(u64, usize)> = ends.filter(|(at, _)| *at <= now).collect();
        due.sort_unstable();
        for (at, n) in due {
            let end = self.ledger.close(&self.jobs[n], at);
            self.jobs[n].end = Some(end);
        }
        self
    }

    pub fn store(&mut self, name: &str, bytes: &Bytes, now: u64, books: &Books, world: &World) -> FileId {
        let mut lines = Vec::new();
        for text in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let Ok(wire) = serde_json::from_slice::<Wire<'_>>(text) else {
                world.broken(|| format!("{name} holds a line that is none"));
                continue;
            };
            let body = bytes.slice_ref(wire.body.get().as_bytes());
            let accepted = books.request(wire.custom_id).is_some_and(|known| known.body == body);
            world.expect(accepted, || format!("{name} changes the body of {}", wire.custom_id));
            let addressed = wire.method == "POST" && wire.url == "/v1/chat/completions";
            world.expect(addressed, || format!("{name} addresses {} wrongly", wire.custom_id));
            lines.push(Line { id: wire.custom_id, prompt: prompt(&body), body });
        }
        let id = FileId::from(format!("file-{}", self.files.len()).as_str());
        let listed = UpstreamFile { id: id.clone(), name: name.into(), created_at: now / 1000 };
        self.files.push(File { listed, lines });
        id
    }

    pub fn create(&mut self, file: &FileId, key: BatchKey, now: u64, world: &World) -> UpstreamBatch {
        let twice = self.jobs.iter().any(|job| job.key == key);
        world.expect(!twice, || format!("{key} is created twice"));
        let found = self.files.iter().find(|other| other.listed.id == *file);
        let found = found.filter(|_| !self.removed.contains(file));
        world.expect(found.is_some(), || format!("{key} is created from a file that is not there"));
        let lines = found.map(|file| file.lines.clone()).unwrap_or_default();
        let is_poisoned = |(n, line): (usize, &Line)| Some((n, *self.poisoned.get(&line.prompt)?));
        let poisoned: Vec<(usize, bool)> = lines.iter().enumerate().filter_map(is_poisoned).collect();
        let job = Job {
            name: format!("batch_{}", self.jobs.len()),
            key,
            file: file.clone(),
            lines,
            created: now,
            plan: self.plans.pop_front().unwrap_or(Plan::GOOD),
            named: poisoned.iter().all(|(_, named)| *named),
            poisoned: poisoned.into_iter().map(|(n, _)| n).collect(),
            cancelled: None,
            end: None,
        };
        let seen = job.describe(now);
        self.jobs.push(job);
        seen
    }

    pub fn cancel(&mut self, id: &BatchId, now: u64) -> Option<UpstreamBatch> {
        let job = self.jobs.iter_mut().find(|job| job.name == id.as_str() && job.end.is_none())?;
        job.cancelled.get_or_insert(now);
        Some(job.describe(now))
    }

    /// Whether a batch with this request neither ends nor can be ended.
    pub fn is_lost(&self, id: RequestId) -> bool {
        self.jobs.iter().any(|job| job.is_deaf() && job.lines.iter().any(|line| line.id == id))
    }

    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    pub fn job(&self, id: &BatchId) -> Option<&Job> {
        self.jobs.iter().find(|job| job.name == id.as_str())
    }

    pub fn files(&self) -> Vec<UpstreamFile> {
        let there = self.files.iter().filter(|file| !self.removed.contains(&file.listed.id));
        there.map(|file| file.listed.clone()).collect()
    }

    /// The job that made a result file, or for which a file was uploaded.
    fn job_of(&self, file: &FileId) -> Option<&Job> {
        let made = |job: &&Job| file.as_str().split_once('-').is_some_and(|(_, name)| name == job.name);
        self.jobs.iter().find(|job| job.file == *file || made(job))
    }

    /// The batch whose a file is.
    pub fn owner(&self, file: &FileId) -> Option<BatchKey> {
        let uploaded = self.files.iter().find(|other| other.listed.id == *file);
        let key = uploaded.and_then(|file| key_of_file(&file.listed.name));
        key.or_else(|| self.job_of(file).map(|job| job.key))
    }

    /// Removes a file; whether it was there.
    pub fn remove(&mut self, file: &FileId, world: &World) -> bool {
        let over = self.job_of(file).is_none_or(|job| job.end.is_some());
        world.expect(over, || format!("{file} is removed while its batch runs"));
        self.owner(file).is_some() && self.removed.insert(file.clone())
    }

    pub fn content(&self, file: &FileId, now: u64) -> Option<Bytes> {
        let (name, batch) = file.as_str().split_once('-').filter(|_| !self.removed.contains(file))?;
        self.jobs.iter().find(|job| job.name == batch)?.content(name, now)
    }
}
