//! The manifests of Kubernetes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    repository::{files, is_secret, read, variables},
    yaml::{document, documents},
};

const FOLDER: &str = "deploy/kubernetes";

fn manifest(name: &str) -> Value {
    document(&format!("{FOLDER}/{name}"))
}

#[test]
fn every_manifest_is_sound_and_those_of_the_kustomization_are_there() {
    let kustomization = manifest("kustomization.yaml");
    let named: BTreeSet<_> =
        kustomization["resources"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let mut kinds = BTreeMap::new();
    for path in files(FOLDER).iter().filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        for document in documents(path.to_str().unwrap()) {
            let kind = document["kind"].as_str().unwrap_or_else(|| panic!("{name} has no kind"));
            assert!(document["apiVersion"].is_string(), "{name}");
            assert_ne!(kind, "Secret", "{name}: a secret does not belong into a repository");
            kinds.insert(name.to_owned(), kind.to_owned());
        }
    }
    let found: BTreeSet<_> = kinds.keys().map(String::as_str).collect();
    let apart = BTreeSet::from(["ingress.yaml", "kustomization.yaml"]);
    assert_eq!(found.difference(&named).copied().collect::<BTreeSet<_>>(), apart);
    assert_eq!(named.difference(&found).count(), 0);
}

#[test]
fn there_is_one_gateway_and_it_may_do_no_more_than_it_must() {
    let set = manifest("gateway.yaml");
    assert_eq!((set["kind"].as_str(), set["spec"]["replicas"].as_u64()), (Some("StatefulSet"), Some(1)));
    let pod = &set["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    let security = &pod["securityContext"];
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault");
    assert!(
        read("Dockerfile").contains(&format!("USER {}:{}", security["runAsUser"], security["runAsGroup"]))
    );
    let gateway = &pod["containers"][0];
    let restricted = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    });
    assert_eq!(gateway["securityContext"], restricted);
    let (_, tag) = gateway["image"].as_str().unwrap().rsplit_once(':').unwrap();
    assert_eq!(tag, env!("CARGO_PKG_VERSION"));
    assert_eq!(
        manifest("namespace.yaml")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
        "restricted"
    );
}

#[test]
fn settings_are_the_gateways_and_secrets_come_from_a_secret() {
    let variables = variables();
    let settings = manifest("settings.yaml");
    let settings = settings["data"].as_object().unwrap();
    for (name, value) in settings {
        assert!(variables.contains(name), "{name} is no setting");
        assert!(!is_secret(name) && value.is_string(), "{name}");
    }
    let set = manifest("gateway.yaml");
    let gateway = &set["spec"]["template"]["spec"]["containers"][0];
    for setting in gateway["env"].as_array().unwrap() {
        let name = setting["name"].as_str().unwrap();
        assert!(variables.contains(name), "{name} is no setting");
        let secret = &setting["valueFrom"]["secretKeyRef"];
        assert_eq!(secret["name"], "batch-gpt", "{name}");
        // The page that tells how to make the secret names the same.
        let key = secret["key"].as_str().unwrap();
        assert!(read("docs/operations.md").contains(key), "docs/operations.md does not tell of {key}");
    }
    let mounted = gateway["volumeMounts"][0]["mountPath"].as_str().unwrap();
    assert_eq!(settings["BATCH_GPT_DATA_DIR"], mounted);
    let drain: u64 = settings["BATCH_GPT_DRAIN_SECONDS"].as_str().unwrap().parse().unwrap();
    let grace = set["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    // Behind the drain: five seconds each for the journal and for the last answers.
    assert!(grace >= drain + 10);
}

#[test]
fn probes_and_ports_and_labels_fit_together() {
    let set = manifest("gateway.yaml");
    let spec = &set["spec"]["template"]["spec"]["containers"][0];
    let port = &spec["ports"][0];
    for (probe, path) in
        [("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")]
    {
        assert_eq!(spec[probe]["httpGet"], json!({ "path": path, "port": port["name"] }), "{probe}");
    }
    let settings = manifest("settings.yaml");
    let address = settings["data"]["BATCH_GPT_BIND_ADDRESS"].as_str().unwrap();
    assert!(address.ends_with(&format!(":{}", port["containerPort"])));
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&set["spec"]["selector"]["matchLabels"], labels);
    let service = manifest("service.yaml");
    assert_eq!(&service["spec"]["selector"], labels);
    assert_eq!(service["spec"]["ports"][0]["targetPort"], port["name"]);
    assert_eq!(set["spec"]["serviceName"], service["metadata"]["name"]);
    for name in ["disruption.yaml", "network.yaml"] {
        let spec = &manifest(name)["spec"];
        let selector = spec.get("selector").or(spec.get("podSelector")).unwrap();
        assert_eq!(&selector["matchLabels"], labels, "{name}");
    }
    let backend = &manifest("ingress.yaml")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], service["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], service["spec"]["ports"][0]["name"]);
}
