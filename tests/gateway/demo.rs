use std::process::Stdio;

use crate::process::{PATIENCE, command};

async fn demo(args: &[&str]) -> (bool, String) {
    let mut child = command();
    child.arg("demo").args(args).stdout(Stdio::piped());
    let output = tokio::time::timeout(PATIENCE, child.output()).await.unwrap().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

#[tokio::test]
async fn the_demo_says_what_it_did() {
    let (success, said) = demo(&[]).await;
    assert!(success, "{said}");
    for words in ["12 of 12 prompts got their own answer", "1 batch in ", " in real time, $", " saved."] {
        assert!(said.contains(words), "{words} in:\n{said}");
    }
}

#[tokio::test]
async fn the_demo_reads_prompts_and_fails_when_one_has_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prompts.jsonl");
    let lines = "\"one\"\n{\"prompt\":\"two\"}\n\n{\"question\":\"three\"}\n\
                 {\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"four\"}]}\n";
    std::fs::write(&file, lines).unwrap();
    let (success, said) = demo(&[file.to_str().unwrap()]).await;
    assert!(success && said.contains("4 of 4 prompts"), "{said}");
    std::fs::write(&file, "\"one\"\n\"bad [[status:400]]\"\n").unwrap();
    let (success, said) = demo(&[file.to_str().unwrap()]).await;
    assert!(!success && said.contains("1 of 2 prompts"), "{said}");
    std::fs::write(&file, "\"one\"\nnot json\n").unwrap();
    let (success, said) = demo(&[file.to_str().unwrap()]).await;
    assert!(!success && said.contains("line 2"), "{said}");
}
