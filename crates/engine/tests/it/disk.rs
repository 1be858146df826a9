//! A disk that fails and a disk that is full, for real: an fsync that the kernel refuses, and a file system
//! without room.

use crate::acknowledged::{Fact, check, overheard};
use crate::bare::refusal;
use crate::process::{Process, run, say};
use crate::rpc::Raw;
use crate::world::PATIENCE;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use syndarix_engine::{Engine, EngineOptions};
use temporalio_protos::temporal::api::{
    common::v1::{Payload, Payloads},
    workflowservice::v1 as ws,
};
use tonic::{Code, Request, Status};

/// What the process whose disk fails is told: its database, and which of the database's files fails.
const DATABASE: &str = "SYNDARIX_ENGINE_FAILING_DATABASE";
const FAILING: &str = "SYNDARIX_ENGINE_FAILING_FILE";

/// Bytes of a workflow's input: enough for a few hundred starts to fill the log.
const INPUT: usize = 20_000;

/// A workflow with an input that no disk makes smaller.
fn start_request(id: &str) -> ws::StartWorkflowExecutionRequest {
    let data = (0..INPUT).map(|index| (index * index + id.len()) as u8).collect();
    ws::StartWorkflowExecutionRequest {
        input: Some(Payloads { payloads: vec![Payload { data, ..Default::default() }] }),
        ..Raw::start_request(id)
    }
}

/// From now on the kernel answers every fsync of this file with EIO, whoever asks.
fn fail_fsync_of(path: &Path) {
    let open = std::fs::read_dir("/proc/self/fd").expect("this process's files").flatten();
    let of_file = open.filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == path));
    let rules: Vec<SeccompRule> = of_file
        .map(|entry| {
            let number = entry.file_name().to_string_lossy().parse().expect("a descriptor is a number");
            let is_it = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, number);
            SeccompRule::new(vec![is_it.expect("a condition")]).expect("a rule")
        })
        .collect();
    assert!(!rules.is_empty(), "{} is open", path.display());
    let calls = [(libc::SYS_fsync, rules.clone()), (libc::SYS_fdatasync, rules)].into();
    let arch = std::env::consts::ARCH.try_into().expect("a known processor");
    let fails = SeccompAction::Errno(libc::EIO.cast_unsigned());
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, fails, arch).expect("a filter");
    let program: BpfProgram = filter.try_into().expect("a program");
    seccompiler::apply_filter_all_threads(&program).expect("the kernel takes it");
}

#[test]
#[ignore = "run by the tests below in a process of its own"]
fn failing() {
    let (Ok(path), Ok(file)) = (std::env::var(DATABASE), std::env::var(FAILING)) else { return };
    run(async {
        let engine = Engine::open(EngineOptions::new(&path)).await.expect("it opens");
        let client = overheard(&engine, |fact| say(&fact.to_line())).await;
        let mut service = client.connection().workflow_service();
        for index in 0..20 {
            let request = Request::new(start_request(&format!("before{index}")));
            service.start_workflow_execution(request).await.expect("it starts");
        }
        fail_fsync_of(Path::new(&file));
        say("failing");
        let starting = async {
            for index in 0.. {
                let request = Request::new(start_request(&format!("after{index}")));
                if service.start_workflow_execution(request).await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            reason = engine.stopped() => say(&format!("stopped {reason}")),
            () = starting => {}
        }
        let request = Request::new(start_request("late"));
        let refused = client.connection().workflow_service().start_workflow_execution(request).await;
        say(&format!("late {:?}", refused.map_err(|status| status.code()).err()));
        std::process::exit(1);
    });
}

/// What a process acknowledged before and after the fsync of one of its files began to fail, and the file.
fn fail(suffix: &str) -> (tempfile::TempDir, Vec<Fact>, Vec<Fact>) {
    // What is in memory cannot fail to reach the disk, but the kernel refuses all the same.
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().canonicalize().expect("it is there").join("engine.db");
    let file = format!("{}{suffix}", path.display());
    let process = Process::start("disk::failing", &[(DATABASE, path.display().to_string()), (FAILING, file)]);
    let before = process.until("failing");
    let (said, status) = process.end();
    assert!(!status.success());
    let stopped = said.iter().position(|line| line.starts_with("stopped ")).expect("it says that it stops");
    assert_eq!(said[stopped + 1..], ["late Some(Unavailable)"], "nothing is acknowledged any more");
    let facts = |lines: &[String]| lines.iter().filter_map(|line| Fact::from_line(line)).collect();
    (directory, facts(&before), facts(&said[..stopped]))
}

#[tokio::test]
async fn an_fsync_of_the_log_that_fails_stops_the_engine_at_once() {
    let (directory, before, after) = fail("-wal");
    assert_eq!(after, [], "nothing is acknowledged after it");
    let raw = Raw::at(directory).await;
    assert_eq!(check(&raw, &before).await["starts"], 20);
}

/// Nothing waits for this one: it is the pages of earlier commits, on their way from the log into the
/// database. If that were not noticed, the log could be begun anew over the only copy.
#[tokio::test]
async fn an_fsync_of_the_database_that_fails_stops_the_engine_too() {
    let (directory, before, after) = fail("");
    let facts = [before, after].concat();
    let raw = Raw::at(directory).await;
    assert_eq!(check(&raw, &facts).await["starts"], facts.len(), "each is in the log");
}

/// A file system in memory, of a few megabytes; gone with this.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where mounting is not permitted.
    fn mount(at: &Path) -> Option<Self> {
        std::fs::create_dir(at).expect("a directory");
        let options = ["-t", "tmpfs", "-o", "size=8m", "tmpfs"];
        let mounted =
            Command::new("mount").args(options).arg(at).output().is_ok_and(|it| it.status.success());
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn start(raw: &Raw, id: &str) -> Result<Fact, Status> {
    let run = raw.start(start_request(id)).await?.run_id;
    Ok(Fact::Started { id: id.to_owned(), run })
}

#[tokio::test]
async fn a_full_disk_refuses_new_work_and_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk")) else {
        println!("skipped: a file system of its own cannot be mounted here");
        return;
    };
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![1; 3 << 20]).expect("it fits");
    let raw = Raw::at_path(disk.0.join("engine.db")).await;
    let mut facts = Vec::new();
    let refused = loop {
        match start(&raw, &format!("w{}", facts.len())).await {
            Ok(fact) => facts.push(fact),
            Err(status) => break status,
        }
    };
    println!("{} starts, then: {}", facts.len(), refusal(&refused));
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("disk"), "it says what is wrong: {}", refused.message());
    assert!(raw.describe("w0").await.is_ok(), "what is stored can be read");

    std::fs::remove_file(&ballast).expect("there is room");
    let begun = Instant::now();
    let first = loop {
        match start(&raw, "after").await {
            Ok(fact) => break fact,
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status}"),
        }
        assert!(begun.elapsed() < PATIENCE, "it notices that there is room");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    println!("taken {:?} after there was room", begun.elapsed());
    facts.push(first);
    check(&raw, &facts).await;
    raw.engine.shutdown().await;
    let raw = Raw::at_path(disk.0.join("engine.db")).await;
    assert_eq!(check(&raw, &facts).await["starts"], facts.len());
    raw.engine.shutdown().await;
}
