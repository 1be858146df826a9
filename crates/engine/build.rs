//! Tells the port where the descriptors of the protocol are, which its reflection service describes. The crate that
//! compiled the protocol has written them.

const WRITTEN: &str = "DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={WRITTEN}");
    if let Ok(path) = std::env::var(WRITTEN) {
        println!("cargo::rustc-env=PROTOCOL_DESCRIPTORS={path}");
    }
}
