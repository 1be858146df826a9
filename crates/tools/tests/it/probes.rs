//! What a hostile command tries beside files and sockets, one row each: other processes, what the kernel keeps for a user,
//! the metadata of files, its own confinement. With namespaces and without, as whoever runs the tests and, where that is
//! root, as an ordinary user too. Perl makes the system calls.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use syndarix_tools::workspace_server::Prepared;

use crate::support::{Bench, LAUNCHER, LAUNCHER_VARIABLE, Setup, launcher};

/// Nobody in particular.
const ORDINARY: u32 = 65_534;

/// What becomes of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It fails, and the machine is as it was.
    Fails,
    /// It may succeed upon what is the command's own; the machine is as it was.
    Own,
    /// It fails where there are namespaces. Without them it succeeds, and `docs/security.md` says so.
    Namespaces,
    /// The same, and everybody would miss what it succeeds upon, so it is not tried there.
    Missed,
}
use End::{Fails, Missed, Namespaces, Own};

/// What is probed, by what, and what comes of it. `PID` is a process of the same user outside, `SECRET` a file of theirs,
/// `SHM` the name of one in shared memory, `KEY` the number of a segment that the user made.
fn probes() -> Vec<(&'static str, String, End)> {
    let call = |number: i64, arguments: &str| {
        format!("perl -e 'exit(syscall({number}, {arguments}) == -1 ? 1 : 0)'")
    };
    let shell = str::to_owned;
    vec![
        // The terminal.
        ("the terminal is opened", shell(": < /dev/tty"), Fails),
        (
            "a line is typed",
            format!("perl -e 'ioctl(STDIN, {}, \"x\"); exit($! == 13)'", libc::TIOCSTI),
            Fails,
        ),
        (
            "the console pastes",
            format!("perl -e 'ioctl(STDIN, {}, \"x\"); exit($! == 13)'", libc::TIOCLINUX),
            Fails,
        ),
        // Other processes.
        ("a process is signalled", shell("kill -TERM PID"), Fails),
        ("a process is limited", call(libc::SYS_prlimit64, "PID, 0, pack(\"QQ\", 0, 0), 0"), Fails),
        ("its own server is limited", shell("prlimit --pid $PPID --cpu=0"), Fails),
        ("a process is made idle", call(libc::SYS_sched_setscheduler, "PID, 5, pack(\"l\", 0)"), Fails),
        (
            "a process is kept from processors",
            call(libc::SYS_sched_setaffinity, "PID, 8, pack(\"Q\", 1)"),
            Fails,
        ),
        ("a process is made nice", call(libc::SYS_setpriority, "0, PID, 19"), Fails),
        ("all processes of a user are made nice", call(libc::SYS_setpriority, "2, $<, 19"), Own),
        ("a process waits for disks", call(libc::SYS_ioprio_set, "1, PID, 3 << 13"), Fails),
        ("all processes of a user wait for disks", call(libc::SYS_ioprio_set, "3, $<, 3 << 13"), Own),
        ("a process is traced", call(libc::SYS_ptrace, "16, PID, 0, 0"), Fails),
        ("memory is read", reads_memory(libc::SYS_process_vm_readv), Fails),
        ("memory is written", reads_memory(libc::SYS_process_vm_writev), Fails),
        ("processes are compared", call(libc::SYS_kcmp, "$$, PID, 0, 0, 0"), Fails),
        ("a descriptor is taken", takes_descriptor(), Fails),
        ("pages are moved", call(libc::SYS_migrate_pages, "PID, 8, pack(\"Q\", 1), pack(\"Q\", 1)"), Fails),
        ("an environment is read", shell("cat /proc/PID/environ"), Fails),
        ("a command line is read", shell("grep -q sleep /proc/PID/cmdline"), Namespaces),
        ("a process is given up first", shell("echo 1000 > /proc/PID/oom_score_adj"), Fails),
        // What the kernel keeps for a user.
        ("a key is added", call(libc::SYS_add_key, "\"user\", \"syndarix\", \"x\", 1, -4"), Fails),
        ("a key is asked for", call(libc::SYS_request_key, "\"user\", \"syndarix\", 0, -4"), Fails),
        ("the keys are looked at", call(libc::SYS_keyctl, "0, -4, 1"), Fails),
        ("the list of keys is read", shell("grep -q . /proc/keys"), Namespaces),
        ("a segment is read", shell("perl -e 'exit(defined shmget(KEY, 0, 0) ? 0 : 1)'"), Fails),
        ("a segment is left", shell("perl -e 'exit(defined shmget(4711, 4096, 0x3b6) ? 0 : 1)'"), Own),
        ("a semaphore is left", shell("perl -e 'exit(defined semget(4711, 1, 0x3b6) ? 0 : 1)'"), Own),
        ("a queue is left", shell("perl -e 'exit(defined msgget(4711, 0x3b6) ? 0 : 1)'"), Own),
        ("a queue of POSIX is left", call(libc::SYS_mq_open, "\"syndarix\", 0x42, 0x180, 0"), Own),
        ("shared memory is read", shell("cat /dev/shm/SHM"), Fails),
        ("shared memory is overwritten", shell("test -e /dev/shm/SHM && echo x > /dev/shm/SHM"), Fails),
        ("shared memory is filled", shell("echo x > /dev/shm/syndarix-left"), Own),
        ("a temporary file is left", shell("echo x > /tmp/syndarix-left"), Own),
        // The metadata of files.
        ("a mode is changed", shell("chmod 0 SECRET"), Namespaces),
        ("the mode of a folder is changed", shell("chmod 0 $(dirname SECRET)"), Namespaces),
        ("an owner is changed", shell("chown $(id -u) SECRET"), Namespaces),
        ("a time is changed", shell("touch -d 2001-01-01 SECRET"), Namespaces),
        ("an attribute is set", call(libc::SYS_setxattr, "\"SECRET\", \"user.x\", \"x\", 1, 0"), Namespaces),
        ("the mode of a device is changed", shell("chmod 0 /dev/null"), Missed),
        ("the mode of a program is changed", shell("chmod 755 /bin/sh"), Namespaces),
        ("the time of what is read beside it is changed", shell("touch -d 2001-01-01 READABLE"), Namespaces),
        ("a file is listed", shell("ls SECRET"), Namespaces),
        ("a file is read", shell("cat SECRET"), Fails),
        ("a file is written", shell("echo x >> SECRET"), Fails),
        ("what is read beside it is written", shell("echo x >> READABLE"), Fails),
        // The confinement itself.
        ("its root is remounted", shell("mount -o remount,rw /"), Fails),
        ("its processes are uncovered", shell("umount /proc"), Fails),
        ("its processes are uncovered as another root", shell("unshare -Urm umount /proc"), Fails),
        ("a mount is opened as another root", shell("unshare -Urm mount -o remount,rw,bind /usr"), Fails),
        ("its limit of processes is raised", shell("echo 4000000 > /proc/sys/kernel/pid_max"), Fails),
        ("the name of the machine is changed", shell("hostname syndarix || exit 1"), Fails),
        (
            "the machine is restarted",
            shell("echo h > /proc/sysrq-trigger && test ! -c /proc/sysrq-trigger"),
            Fails,
        ),
    ]
}

fn reads_memory(call: i64) -> String {
    format!(
        "perl -e '$b = \"x\" x 8; $l = pack(\"PQ\", $b, 8); $r = pack(\"QQ\", 4194304, 8); \
         exit(syscall({call}, PID, $l, 1, $r, 1, 0) == -1 && $! != 14 ? 1 : 0)'"
    )
}

fn takes_descriptor() -> String {
    format!(
        "perl -e '$p = syscall({}, PID, 0); exit(1) if $p == -1; exit(syscall({}, $p, 0, 0) == -1 ? 1 : 0)'",
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd
    )
}

/// What is outside and must stay as it is.
struct Outside {
    folder: tempfile::TempDir,
    process: Child,
    shared: String,
    /// The number of a segment of shared memory.
    key: i32,
}

impl Outside {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [("home/secret", "secret"), ("readable/file", "read")] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let process = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        let shared = format!("syndarix-test-{}", process.id());
        std::fs::write(Path::new("/dev/shm").join(&shared), "shared").unwrap();
        let key = 0x5359_0000 | (process.id() & 0xffff).cast_signed();
        let made = format!("exit(defined shmget({key}, 4096, 0x3b6) ? 0 : 1)");
        assert!(Command::new("perl").args(["-e", &made]).status().unwrap().success());
        Self { folder, process, shared, key }
    }

    fn secret(&self) -> PathBuf {
        self.folder.path().join("home/secret")
    }

    fn readable(&self) -> PathBuf {
        self.folder.path().join("readable")
    }

    fn fill(&self, script: &str) -> String {
        script
            .replace("PID", &self.process.id().to_string())
            .replace("SECRET", &self.secret().display().to_string())
            .replace("READABLE", &self.readable().join("file").display().to_string())
            .replace("SHM", &self.shared)
            .replace("KEY", &self.key.to_string())
    }

    /// Everything that a probe might have changed.
    fn state(&mut self) -> BTreeMap<String, String> {
        let mut state = BTreeMap::new();
        let mut note = |name: &str, value: String| drop(state.insert(name.to_owned(), value));
        note("ended", format!("{:?}", self.process.try_wait().unwrap()));
        let ids = [self.process.id(), std::process::id()];
        for id in ids {
            for name in ["limits", "oom_score_adj", "cmdline"] {
                note(&format!("{id} {name}"), read(&format!("/proc/{id}/{name}")));
            }
            let stat = read(&format!("/proc/{id}/stat"));
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
            // Its priority and niceness, and the policy by which it is scheduled.
            note(&format!("{id} priority"), format!("{} {} {:?}", fields[16], fields[17], fields.get(39)));
            let status = read(&format!("/proc/{id}/status"));
            let allowed = status.lines().find(|line| line.starts_with("Cpus_allowed:"));
            note(&format!("{id} processors"), allowed.unwrap_or_default().to_owned());
        }
        let files = [self.secret(), self.secret().parent().unwrap().to_owned(), self.readable().join("file")];
        let system = ["/dev/null", "/bin/sh"].map(PathBuf::from);
        for path in files.iter().chain(&system) {
            let Ok(found) = std::fs::metadata(path) else {
                note(&path.display().to_string(), "not reached".to_owned());
                continue;
            };
            let (mode, owner) = (found.mode(), found.uid());
            let mut text = format!("{mode:o} {owner} {}", found.len());
            // Others write to a device.
            if !path.starts_with("/dev") {
                let _ = write!(text, " {}", found.mtime());
            }
            note(&path.display().to_string(), text);
        }
        note("memory", read(&format!("/dev/shm/{}", self.shared)));
        for kind in ["shm", "sem", "msg"] {
            let lines = read(&format!("/proc/sysvipc/{kind}"));
            // Key 4711 is what probes leave.
            let left = lines.lines().any(|line| line.split_whitespace().next() == Some("4711"));
            note(kind, left.to_string());
        }
        for path in ["/dev/shm/syndarix-left", "/tmp/syndarix-left", "/var/tmp/syndarix-left"] {
            note(path, Path::new(path).exists().to_string());
        }
        note("limit of processes", read("/proc/sys/kernel/pid_max"));
        note("name", read("/proc/sys/kernel/hostname"));
        state
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(Path::new("/dev/shm").join(&self.shared));
        let removed = format!("shmctl(shmget({}, 0, 0), 0, 0)", self.key);
        let _ = Command::new("perl").args(["-e", &removed]).status();
    }
}

fn read(path: &str) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

async fn try_all(isolated: bool) {
    let mut outside = Outside::new();
    if isolated {
        let isolation = launcher().isolation(outside.folder.path()).await;
        assert!(isolation.has_processes(), "{isolation:?}");
    }
    let prepared =
        Prepared { isolated, own_processes: isolated, name: "probed".into(), ..Prepared::default() };
    let bench =
        Bench::with(Setup { prepared, read_only: vec![outside.readable()], ..Setup::default() }).await;
    assert_eq!(bench.shell("cat README.md").await.exit_code, Some(0));
    let mut wrong = String::new();
    let mut tell = |what: &str, how: &str| writeln!(wrong, "{what}: {how}").unwrap();
    for (what, script, end) in probes() {
        if end == Missed && !isolated {
            continue;
        }
        let before = outside.state();
        let output = bench.shell(&outside.fill(&script)).await;
        let open = match end {
            Fails | Missed => false,
            Own => true,
            Namespaces => !isolated,
        };
        if output.exit_code == Some(0) && !open {
            tell(what, &output.content);
        }
        let after = outside.state();
        if before != after && (isolated || end != Namespaces) {
            let changed: Vec<_> = after.iter().filter(|(name, now)| before[*name] != **now).collect();
            tell(what, &format!("{changed:?}"));
        }
        // What is open is put back for those that come after.
        for path in [outside.secret().parent().unwrap().to_owned(), outside.secret()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
    }
    assert!(wrong.is_empty(), "isolated {isolated}, user {}:\n{wrong}", rustix::process::geteuid().as_raw());
}

#[tokio::test]
async fn nothing_comes_of_them_in_namespaces() {
    Box::pin(try_all(true)).await;
}

#[tokio::test]
async fn little_comes_of_them_without() {
    Box::pin(try_all(false)).await;
}

/// The tests above once more as an ordinary user, where it is root that runs them.
#[test]
fn nor_do_they_for_an_ordinary_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(ORDINARY), Some(ORDINARY)).unwrap();
    let copy = |from: &Path, name: &str| {
        let to = folder.path().join(name);
        std::fs::copy(from, &to).unwrap();
        to
    };
    let tests = copy(&std::env::current_exe().unwrap(), "tests");
    let program = copy(LAUNCHER.as_ref(), "launcher");
    for name in ["nothing_comes_of_them_in_namespaces", "little_comes_of_them_without"] {
        let inner = Command::new(&tests)
            .args(["--exact", &format!("probes::{name}")])
            .env(LAUNCHER_VARIABLE, &program)
            .envs(["HOME", "TMPDIR"].map(|name| (name, &home)))
            .env_remove("CARGO_HOME")
            .env_remove("RUSTUP_HOME")
            .current_dir(&home)
            .gid(ORDINARY)
            .uid(ORDINARY)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&inner.stdout);
        assert!(inner.status.success() && said.contains("1 passed"), "{said}");
    }
}
