//! The programs the tests start: `workspace --options JSON` is the workspace server as the binary starts it,
//! `workspace --launch PROGRAM` any other without a terminal, `mcp` an MCP server on standard input and output, `fail` and `silent` ones that do not start. `connect` is what a command tries that
//! wants to reach something, `threads` one that multiplies.

mod mcp;

use std::io::Write as _;

use syndarix_tools::launch;
use syndarix_tools::workspace_server::{WorkspaceOptions, serve, try_isolation};

fn main() -> std::process::ExitCode {
    match start() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["workspace", "--options", options, inside @ ..] => {
            Ok(serve(serde_json::from_str::<WorkspaceOptions>(options)?, inside.get(1).copied())?)
        }
        ["workspace", "--try-isolation", folder] => Ok(try_isolation(folder.as_ref(), false, None)?),
        ["workspace", "--try-isolation", folder, "--own-processes", inside @ ..] => {
            Ok(try_isolation(folder.as_ref(), true, inside.get(1).copied())?)
        }
        ["workspace", "--launch", words @ ..] => {
            Err(launch(&words.iter().map(Into::into).collect::<Vec<_>>()).into())
        }
        ["mcp"] => mcp::serve(),
        ["fail"] => Err("the license key is missing".into()),
        ["silent"] => {
            std::thread::sleep(std::time::Duration::from_mins(10));
            Ok(())
        }
        ["threads", number] => {
            let threads = (0..number.parse()?).map(|_| std::thread::Builder::new().spawn(std::thread::park));
            let started = threads.take_while(Result::is_ok).count();
            writeln!(std::io::stdout(), "{started} threads")?;
            std::thread::sleep(std::time::Duration::from_mins(10));
            Ok(())
        }
        ["connect", "tcp", address] => Ok(std::net::TcpStream::connect(address).map(drop)?),
        ["connect", "udp", address] => {
            Ok(std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.connect(address))?)
        }
        ["connect", "abstract", name] => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            Ok(std::os::unix::net::UnixStream::connect_addr(&address).map(drop)?)
        }
        ["connect", "pair", path] => {
            let (one, _other) = std::os::unix::net::UnixDatagram::pair()?;
            Ok(one.send_to(b"x", path).map(drop)?)
        }
        ["connect", "unix", path] => Ok(std::os::unix::net::UnixStream::connect(path).map(drop)?),
        other => Err(format!("unknown arguments {other:?}").into()),
    }
}
