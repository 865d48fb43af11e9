//! `Dockerfile` and `.dockerignore`.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::repository::{default_of, files, is_secret, read, root, variables};

/// One instruction: its word, and what stands behind it.
struct Instruction {
    word: String,
    rest: String,
}

/// One stage of the build.
struct Stage {
    image: String,
    name: Option<String>,
    instructions: Vec<Instruction>,
}

fn stages() -> Vec<Stage> {
    let text = read("Dockerfile");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let mut stages: Vec<Stage> = Vec::new();
    for line in joined.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap();
        let (word, rest) = (word.to_owned(), rest.trim().to_owned());
        if word == "FROM" {
            let words: Vec<_> = rest.split_whitespace().collect();
            let name = words.iter().position(|word| *word == "AS").map(|at| words[at + 1].to_owned());
            stages.push(Stage { image: words[0].to_owned(), name, instructions: Vec::new() });
        } else {
            stages.last_mut().expect("FROM comes first").instructions.push(Instruction { word, rest });
        }
    }
    stages
}

impl Stage {
    fn all(&self, word: &str) -> impl Iterator<Item = &str> {
        self.instructions.iter().filter(move |it| it.word == word).map(|it| it.rest.as_str())
    }

    fn one(&self, word: &str) -> &str {
        let found: Vec<_> = self.all(word).collect();
        assert_eq!(found.len(), 1, "{word} in the stage of {}", self.image);
        found[0]
    }
}

/// A copy: out of another stage, or out of the folder.
struct Copied {
    from: Option<String>,
    sources: Vec<String>,
    target: String,
}

fn copies(stage: &Stage) -> Vec<Copied> {
    let copied = stage.all("COPY").map(|rest| {
        let (flags, paths): (Vec<_>, Vec<_>) =
            rest.split_whitespace().partition(|word| word.starts_with("--"));
        let from = flags.iter().find_map(|flag| flag.strip_prefix("--from=")).map(str::to_owned);
        let (target, sources) = paths.split_last().unwrap();
        let sources = sources.iter().map(|source| (*source).to_owned()).collect();
        Copied { from, sources, target: (*target).to_owned() }
    });
    copied.collect()
}

/// What may go to the builder: `.dockerignore` is a list of exceptions from nothing.
fn admitted() -> Vec<PathBuf> {
    let text = read(".dockerignore");
    let rules: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(rules[0], "*", "nothing goes unless it is named");
    let named = rules.iter().filter_map(|rule| rule.strip_prefix('!')).map(PathBuf::from);
    named.inspect(|path| assert!(root().join(path).exists(), "{} is nowhere", path.display())).collect()
}

#[test]
fn images_are_pinned_to_a_line_of_releases() {
    let stages = stages();
    let named: Vec<_> = stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
    for stage in stages.iter().filter(|stage| !named.contains(&stage.image.as_str())) {
        let (_, tag) = stage.image.split_once(':').unwrap_or_else(|| panic!("{} has no tag", stage.image));
        assert!(!["latest", "stable", "slim"].contains(&tag), "{}", stage.image);
    }
    let manifest = read("Cargo.toml");
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).unwrap();
    let rust = rust.trim_end_matches('"');
    assert!(stages[0].image.starts_with(&format!("rust:{rust}-")), "{} is not {rust}", stages[0].image);
}

#[test]
fn the_image_runs_one_program_as_nobody_in_particular() {
    let stages = stages();
    let last = stages.last().unwrap();
    let user: u32 =
        last.one("USER").split(':').next().unwrap().parse().expect("a number, which needs no name");
    assert_ne!(user, 0);
    let words = |text: &str| serde_json::from_str::<Vec<String>>(text).expect("no shell in between");
    let program = words(last.one("ENTRYPOINT"));
    assert_eq!(program, ["/usr/local/bin/batch-gpt"]);
    assert_eq!(words(last.one("CMD")), ["serve"]);
    let health = last.one("HEALTHCHECK").split_once("CMD ").unwrap().1;
    assert_eq!(words(health), [program[0].as_str(), "healthcheck"]);
    assert_eq!(last.one("STOPSIGNAL"), "SIGTERM");
    let built = copies(last).into_iter().filter(|copied| copied.target == program[0]);
    assert_eq!(built.count(), 1, "the program is in the image");
    let data = last.one("VOLUME");
    let owned =
        last.all("COPY").filter(|rest| rest.ends_with(data) && rest.contains(&format!("--chown={user}:")));
    assert_eq!(owned.count(), 1, "{data} belongs to the user");
}

#[test]
fn nothing_is_fetched_or_hidden_in_the_image() {
    for stage in stages() {
        assert_eq!(stage.all("ADD").count(), 0, "ADD fetches and unpacks");
        for rest in stage.all("ENV").chain(stage.all("ARG")) {
            for name in rest.split_whitespace().filter_map(|word| word.split('=').next()) {
                assert!(!is_secret(name), "{name} would stay in the image");
            }
        }
        for run in stage.all("RUN") {
            assert!(!run.contains("curl") && !run.contains("wget") && !run.contains("sudo"), "{run}");
            assert!(!run.contains("cargo ") || run.contains("--locked"), "{run}");
        }
    }
    let ends = ["Cargo.toml", "Cargo.lock", "LICENSE", "openapi.json", "prices.json"];
    for path in admitted() {
        assert!(
            root().join(&path).is_dir() || ends.iter().any(|end| path.ends_with(end)),
            "{}",
            path.display()
        );
    }
}

#[test]
fn its_settings_are_the_gateways() {
    let variables = variables();
    let stages = stages();
    let last = stages.last().unwrap();
    let settings: Vec<_> = last.all("ENV").flat_map(str::split_whitespace).collect();
    assert!(!settings.is_empty());
    for setting in settings {
        let (name, value) = setting.split_once('=').unwrap();
        assert!(variables.contains(name), "{name} is no setting");
        match name {
            "BATCH_GPT_DATA_DIR" => assert_eq!(value, last.one("VOLUME")),
            "BATCH_GPT_BIND_ADDRESS" => {
                assert!(value.ends_with(&format!(":{}", last.one("EXPOSE"))));
                assert!(default_of(name).ends_with(&format!(":{}", last.one("EXPOSE"))));
            }
            _ => {}
        }
    }
}

/// Copies what the build copies, and no more; `cargo` must find its way in it, and the sources what they include.
#[test]
fn what_is_copied_is_enough_to_build() {
    let folder = tempfile::tempdir().unwrap();
    let admitted = admitted();
    let stages = stages();
    for copied in copies(&stages[0]).iter().filter(|copied| copied.from.is_none()) {
        for source in &copied.sources {
            assert!(
                admitted.iter().any(|path| Path::new(source).starts_with(path)),
                ".dockerignore holds {source} back"
            );
            let target = match copied.target.strip_suffix("./") {
                Some(place) => Path::new(place).join(source),
                None => PathBuf::from(&copied.target),
            };
            copy(&root().join(source), &folder.path().join(target));
        }
    }
    reaches_the_compiler(folder.path());
    let mut included = 0;
    for source in ["src", "actors/src", "simulator/src"].iter().flat_map(|folder| files(folder)) {
        let Ok(text) = fs::read_to_string(folder.path().join(&source)) else {
            panic!("{} is not copied", source.display());
        };
        for path in ["include_str!(\"", "include_bytes!(\""].iter().flat_map(|word| text.split(word).skip(1))
        {
            let path = source.parent().unwrap().join(path.split('"').next().unwrap());
            assert!(folder.path().join(&path).exists(), "{} is not copied", path.display());
            included += 1;
        }
    }
    assert!(included >= 2, "the table of prices and the document of the API");
}

/// Has cargo build the program with a compiler that only answers questions: whatever is wrong with manifests, the lock or
/// missing files comes before the first crate.
fn reaches_the_compiler(folder: &Path) {
    let compiler = folder.join("compiler");
    let script = "#!/bin/sh\ncase \"$*\" in *-vV*|*--print*) exec \"$@\" ;; esac\necho the compiler is reached >&2\nexit 1\n";
    fs::write(&compiler, script).unwrap();
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--offline", "--locked", "--release", "--bin", "batch-gpt"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("RUSTC_WRAPPER", &compiler)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the compiler is reached"), "{said}");
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "target" {
                copy(&entry.path(), &to.join(entry.file_name()));
            }
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}
