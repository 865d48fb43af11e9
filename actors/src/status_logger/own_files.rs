//! Whose file it is.

use super::{Answer, StatusLogger};
use crate::{
    cell::{Letter, Mail, Receive},
    rules::{ids::FileId, lane::Tenant},
};

/// Which of these files are a tenant's own.
pub struct OwnFiles {
    /// Whose.
    pub tenant: Tenant,
    /// Which.
    pub files: Vec<FileId>,
    /// For those that are, in the order asked.
    pub reply: Answer<Vec<FileId>>,
}

impl Letter for OwnFiles {
    const NAME: &'static str = "OwnFiles";
    type Reply = ();
}

impl Receive<OwnFiles> for StatusLogger {
    fn receive(&mut self, OwnFiles { tenant, files, reply }: OwnFiles, _: &Mail<Self>) {
        self.ask(reply, |store| async move { store.own_files(&tenant, &files).await });
    }
}
