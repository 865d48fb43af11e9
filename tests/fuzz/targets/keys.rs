use batch_gpt::keys::{Key, Keys};
use batch_gpt_actors::rules::time::Timestamp;

/// Keys of a list do not expire.
const NOW: Timestamp = Timestamp(u64::MAX / 2);

/// A list of keys: who is let in, and that no key is told.
pub fn keys(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let entries: Vec<&str> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let keys = match Keys::parse(&text) {
        Ok(keys) => keys,
        Err(error) => {
            let told = error.to_string();
            assert!(told.len() < 200);
            let secret = entries.iter().filter_map(|entry| Some(entry.split_once(':')?.1));
            assert!(secret.filter(|key| key.len() > 7).all(|key| !told.contains(key)), "{told}");
            return;
        }
    };
    assert_eq!(keys.is_empty(), entries.is_empty());
    for entry in &entries {
        let (_, key) = entry.split_once(':').unwrap();
        let tenant = keys.tenant(&Key::new(key), NOW).unwrap();
        let named = entries.iter().filter(|entry| entry.split_once(':').unwrap().1 == key);
        assert!(named.map(|entry| entry.split_once(':').unwrap().0).any(|name| name == &*tenant.0));
        let other = format!("{key}x");
        let is_known = entries.iter().any(|entry| entry.split_once(':').unwrap().1 == other);
        assert_eq!(keys.tenant(&Key::new(&other), NOW).is_some(), is_known);
        let shown = format!("{keys:?}");
        // A name may be what is a key elsewhere, and names are shown.
        let is_named = entries.iter().any(|entry| entry.split_once(':').unwrap().0.contains(key));
        assert!(key.len() < 8 || is_named || !shown.contains(key), "{shown}");
    }
}
