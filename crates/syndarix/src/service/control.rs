//! The control socket: `control.sock` in the data directory, for the user who runs the service and nobody else.
//! A line of JSON in, a line of JSON out. Where no service runs, the word goes into the store directly.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use serde::{Deserialize, Serialize};
use syndarix_core::time::SystemClock;
use syndarix_store::{Error as StoreError, Store, StoreOptions};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use super::word::{Word, hear};
use crate::failure::Failure;
use crate::records::refused;

/// The socket's name in the data directory.
const FILE: &str = "control.sock";

/// The most that one word may hold: a long feedback, not a file.
const MAX_REQUEST_BYTES: u64 = 1024 * 1024;

/// How long a peer may take to say its line.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest path that a socket's address can hold, with room for its end.
const MAX_ADDRESS_BYTES: usize = 100;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 16;

/// What the service answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Done { message: String },
    Refused { message: String, hint: Option<String> },
}

/// Listens until dropped.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    path: PathBuf,
    serving: JoinHandle<()>,
}

impl ControlSocket {
    /// Opens the socket. Only the process that holds the data directory's lock does this, so a socket that is
    /// already there was left by a process that is gone.
    pub(crate) fn open(store: &Store) -> Result<Self, Failure> {
        let path = store.data_dir().join(FILE);
        let cannot = |error: io::Error| {
            Failure::bad_input(format!("the control socket {} cannot be opened", path.display()))
                .because(error)
                .hint("choose a --data-dir on a file system with sockets")
        };
        let listener = private_listener(&path).map_err(cannot)?;
        let listener = UnixListener::from_std(listener).map_err(cannot)?;
        let serving = tokio::spawn(serve(listener, store.clone()));
        Ok(Self { path, serving })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.serving.abort();
        // A socket nobody listens on answers like one that is not there; its file is only litter.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// An address for a socket below a folder whose path may be too long for one: through the folder's descriptor.
fn address(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= MAX_ADDRESS_BYTES {
        return Ok((path.to_owned(), None));
    }
    let folder = File::open(path.parent().unwrap_or(Path::new(".")))?;
    let short = PathBuf::from(format!("/proc/self/fd/{}/{FILE}", folder.as_raw_fd()));
    Ok((short, Some(folder)))
}

/// A listening socket that only its owner can connect to, from its first moment: the permissions are set
/// between `bind` and `listen`, and before `listen` every connection is refused.
fn private_listener(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (address, _folder) = address(path)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrUnix::new(&address)?)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

async fn serve(listener: UnixListener, store: Store) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let store = store.clone();
                tokio::spawn(async move {
                    // A peer that goes away has nobody to be told.
                    let _ = tokio::time::timeout(PATIENCE, answer(stream, &store)).await;
                });
            }
            // Out of descriptors, most likely: a pause lets some be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(mut stream: UnixStream, store: &Store) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(MAX_REQUEST_BYTES)).read_line(&mut line).await?;
    let heard = match serde_json::from_str::<Word>(&line) {
        Ok(word) => hear(store, word).await,
        Err(error) => Err(Failure::bad_input("the request is not understood").because(error)),
    };
    let reply = match heard {
        Ok(message) => Reply::Done { message },
        Err(failure) => {
            Reply::Refused { message: failure.chain(), hint: failure.hint_text().map(str::to_owned) }
        }
    };
    let mut text = serde_json::to_string(&reply).map_err(io::Error::other)?;
    text.push('\n');
    writer.write_all(text.as_bytes()).await?;
    writer.shutdown().await
}

/// How often, and how long apart, a word is tried while another short command holds the data.
const TRIES: u32 = 30;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// How a word arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// What to tell whoever said it.
    pub(crate) message: String,
    /// Whether a running service heard it, rather than the store alone.
    pub(crate) by_service: bool,
}

/// Says a word to the service that runs on this data; where none does, records it for the next one.
pub(crate) async fn say(data_dir: &Path, word: &Word) -> Result<Heard, Failure> {
    let mut tries = 0;
    loop {
        if let Some(message) = say_to_service(data_dir, word).await? {
            return Ok(Heard { message, by_service: true });
        }
        let options = StoreOptions { data_dir: data_dir.to_owned(), clock: Arc::new(SystemClock) };
        match Store::open(options).await {
            Ok(store) => {
                let message = hear(&store, word.clone()).await?;
                return Ok(Heard { message, by_service: false });
            }
            // A service that is just coming up, or another short command.
            Err(StoreError::InUse { .. }) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            Err(error) => return Err(refused(error)),
        }
    }
}

/// What the running service answers; `None` where none listens.
async fn say_to_service(data_dir: &Path, word: &Word) -> Result<Option<String>, Failure> {
    let broken = |error: io::Error| Failure::internal("the running service did not answer").because(error);
    let path = data_dir.join(FILE);
    let Ok((address, _folder)) = address(&path) else { return Ok(None) };
    let Ok(mut stream) = UnixStream::connect(&address).await else { return Ok(None) };
    let mut line = serde_json::to_string(word)
        .map_err(|error| Failure::internal("the request cannot be written").because(error))?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await.map_err(broken)?;
    let mut reply = String::new();
    let reading = stream.read_to_string(&mut reply);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .map_err(|_| broken(io::ErrorKind::TimedOut.into()))?
        .map_err(broken)?;
    match serde_json::from_str(&reply) {
        Ok(Reply::Done { message }) => Ok(Some(message)),
        Ok(Reply::Refused { message, hint }) => {
            let failure = Failure::bad_input(message);
            Err(match hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
        Err(error) => Err(Failure::internal("the running service's answer is not understood").because(error)),
    }
}

/// Whether a service listens on this data.
pub(crate) async fn is_running(data_dir: &Path) -> bool {
    match address(&data_dir.join(FILE)) {
        Ok((address, _folder)) => UnixStream::connect(&address).await.is_ok(),
        Err(_) => false,
    }
}
