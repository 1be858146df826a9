//! `syndarix events`: the journal, told or as JSON lines; `--follow` goes on as it grows.

use std::time::Duration;

use clap::Args;
use syndarix_core::event::Event;
use syndarix_core::id::ProjectId;
use syndarix_store::{EventQuery, Store};

use crate::cli::{Global, ProjectArgument};
use crate::display::line::Detail;
use crate::display::live::Feed;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::records::{self, refused};

/// What it accepts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    project: ProjectArgument,
    /// The events of every project
    #[arg(long, conflicts_with = "project")]
    all: bool,
    /// Go on as the journal grows, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only events after this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// Leave out what is only for those who want to know everything
    #[arg(long)]
    story: bool,
}

/// How often a journal that another process writes is looked at. Only a reader does this; the service itself
/// is told of every commit.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What an event's number takes of a line, with the gap behind it.
const NUMBER_COLUMNS: usize = 8;

/// How many events are read at a time.
const PAGE: u32 = 1_000;

/// Tells the journal.
pub(crate) async fn run(arguments: Arguments, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let Some(store) = records::open(global).await? else {
        if !output.is_json() {
            output.line("No event yet.")?;
        }
        return Ok(Exit::Done);
    };
    let project = if arguments.all {
        None
    } else {
        Some(records::project(&store, arguments.project.project.as_deref()).await?.id)
    };
    let telling = tell(&arguments, project, &store, output);
    tokio::select! {
        told = telling => told.map(|()| Exit::Done),
        _ = tokio::signal::ctrl_c() => Ok(Exit::Done),
    }
}

async fn tell(
    arguments: &Arguments,
    project: Option<ProjectId>,
    store: &Store,
    output: &Output,
) -> Result<(), Failure> {
    let detail = if arguments.story { Detail::Story } else { Detail::Everything };
    let mut feed = Feed::default();
    let mut after = 0;
    loop {
        let query = EventQuery { after, limit: PAGE, project: project.clone() };
        let page = store.events(query).await.map_err(refused)?;
        for event in &page {
            after = event.seq;
            say(event, arguments.after, detail, &mut feed, output)?;
        }
        if page.is_empty() {
            if !arguments.follow {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Tells one event. Those before the ones asked for are taken in all the same: names and titles come from them.
fn say(event: &Event, after: u64, detail: Detail, feed: &mut Feed, output: &Output) -> Result<(), Failure> {
    let line = feed.take(event, detail);
    if event.seq <= after {
        return Ok(());
    }
    if output.is_json() {
        return output.document_line(event);
    }
    match line {
        Some(line) => {
            let width = output::width().map(|width| width.saturating_sub(NUMBER_COLUMNS));
            let margin = format!("\n{}", " ".repeat(NUMBER_COLUMNS));
            let text = line.render(output.color(), width).replace('\n', &margin);
            output.line(&format!("{:>6}  {text}", event.seq))
        }
        None => Ok(()),
    }
}
