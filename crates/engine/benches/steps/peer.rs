//! The same work on a Temporal server, where one is named: the worker and the client are the same, and so is the machine.

use temporalio_client::{Connection, ConnectionOptions};
use temporalio_sdk::Runtime;
use url::Url;

use crate::{Side, Work, client, worker};

/// The address of a server's port, such as `http://127.0.0.1:7233`.
const ADDRESS: &str = "SYNDARIX_BENCH_PEER";

/// Measures the peer and prints how many times our time it takes.
pub(crate) async fn report(runtime: &Runtime, ours: &[(Work, f64)]) {
    let Ok(address) = std::env::var(ADDRESS) else {
        println!("no peer: {ADDRESS}=http://HOST:PORT names a Temporal server to compare with");
        return;
    };
    let url = Url::parse(&address).expect("the peer's address is a URL");
    let connection = Connection::connect(ConnectionOptions::new(url).build()).await;
    let peer = Side::new(client(connection.expect("the peer answers"))).await;
    let mut worker = worker(runtime, &peer.client);
    let stop = worker.shutdown_handle();
    println!("\n{:<16}{:>14}{:>14}{:>14}", "", "ours", "peer", "peer/ours");
    let measure = async {
        peer.workflow("warm".to_owned(), 5).await;
        for (work, ours) in ours {
            let (wall, _) = peer.time(*work, 0).await;
            println!("{:<16}{ours:>11.0} us{wall:>11.0} us{:>14.1}", work.name(), wall / ours);
        }
        stop();
    };
    let (ended, ()) = tokio::join!(worker.run(), measure);
    ended.expect("the worker ends cleanly");
}
