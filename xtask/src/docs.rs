//! `cargo xtask docs`: writes what documents say of the command line.

use crate::{
    process::{cargo, show},
    repository::Repository,
};

/// The test that compares the page writes it, so that both mean the same.
pub fn run() -> Result<bool, String> {
    let repository = Repository::find()?;
    let mut write = cargo();
    write
        .args([
            "test",
            "--quiet",
            "--workspace",
            "--test",
            "papers",
            "configuration::the_page_is_what_the_program_says",
        ])
        .env("BATCH_GPT_WRITE_DOCS", "1")
        .current_dir(&repository.root);
    show(&mut write, 0).map(|()| true)
}
