use batch_gpt::{
    cli::{Secret, ServeArgs},
    config::Config,
};

/// Stands in every secret of the seeds.
const MARK: &str = "secret-";

/// Settings of all kinds: what is wrong is told by name, and no secret is.
pub fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut args = ServeArgs { simulate: true, ..ServeArgs::default() };
    let (mut secrets, mut open) = (Vec::new(), String::new());
    for line in text.split('\n') {
        let mut rest = line.chars();
        let Some(which) = rest.next() else { continue };
        let value = rest.as_str();
        if set_secret(&mut args, which, value) {
            secrets.push(value);
            // Of a list of keys the names are open.
            let names = value.split(',').filter(|_| which == 'j').filter_map(|entry| entry.split_once(':'));
            names.for_each(|(name, _)| open.push_str(name));
        } else if set(&mut args, which, value) {
            open.push_str(value);
            open.push('\n');
        }
    }
    let told = match Config::parse(&args) {
        Ok(config) => format!("{config:?}"),
        Err(bad) => {
            for line in &bad.0 {
                let name = line.split('=').next().unwrap_or_default();
                let fits = |c: char| c.is_ascii_uppercase() || c == '_';
                assert!(!name.is_empty() && name.chars().all(fits), "{line:?} names no setting");
            }
            bad.to_string()
        }
    };
    // What somebody wrote into an open setting as well is no secret.
    if secrets.iter().any(|value| value.contains(MARK)) && !open.contains(MARK) {
        assert!(!told.contains(MARK), "{secrets:?} are told: {told}");
    }
}

fn set_secret(args: &mut ServeArgs, which: char, value: &str) -> bool {
    let place = match which {
        'j' => &mut args.api_keys,
        'k' => &mut args.admin_key,
        'l' => &mut args.mongodb_uri,
        'n' => &mut args.mongo_password,
        _ => return false,
    };
    *place = Some(Secret(value.to_owned()));
    true
}

fn set(args: &mut ServeArgs, which: char, value: &str) -> bool {
    let place = match which {
        'a' => &mut args.collect_batch_stats_polling_max_interval_seconds,
        'b' => &mut args.collate_batches_for_duration_in_ms,
        'c' => &mut args.collectors,
        'd' => &mut args.max_attempts,
        'e' => &mut args.heartbeat_seconds,
        'f' => &mut args.client_serving_mode,
        'g' => &mut args.hold,
        'h' => &mut args.cache,
        'i' => &mut args.bind_address,
        'm' => &mut args.mongo_port,
        'o' => &mut args.keep_answers_days,
        'p' => &mut args.keep_bodies_days,
        'q' => &mut args.upstream_files_expire_days,
        'r' => &mut args.delete_upstream_files,
        's' => &mut args.drain_seconds,
        't' => &mut args.log_format,
        _ => return false,
    };
    *place = Some(value.to_owned());
    true
}
