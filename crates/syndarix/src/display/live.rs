//! The live feed: lines as events arrive and, on a terminal, a header and a progress line for each agent
//! that is doing something.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use syndarix_core::event::Event;
use syndarix_core::id::{AgentId, ProjectId};
use syndarix_core::time::Timestamp;

use super::board::Board;
use super::line::{Detail, Line, line};
use super::{text, wrap};
use crate::failure::Failure;
use crate::output;

/// The boards of every project whose events pass by, and the lines to tell about them.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    boards: BTreeMap<ProjectId, Board>,
}

impl Feed {
    /// Takes an event in and says what to tell of it. With more than one project about, the line names its
    /// project.
    pub(crate) fn take(&mut self, event: &Event, detail: Detail) -> Option<Line> {
        let board = self.boards.entry(event.project.clone()).or_default();
        board.apply(event);
        let mut line = line(event, board, detail)?;
        if self.boards.len() > 1 {
            line.what = format!("[{}] {}", event.project, line.what);
        }
        Some(line)
    }

    /// The projects that are not over.
    fn unfinished(&self) -> impl Iterator<Item = (&ProjectId, &Board)> {
        self.boards.iter().filter(|(_, board)| !board.state.is_final())
    }
}

/// Writes the feed to standard output.
pub(crate) struct Live {
    feed: Feed,
    json: bool,
    color: bool,
    terminal: Option<Terminal>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("terminal", &self.terminal.is_some()).finish_non_exhaustive()
    }
}

impl Live {
    /// Progress lines on a terminal, plain lines in a pipe, or every event as a line of JSON.
    pub(crate) fn new(json: bool) -> Self {
        let color = output::color_wanted(&io::stdout());
        let terminal = (io::stdout().is_terminal() && !json).then(|| Terminal::new(color));
        Self { feed: Feed::default(), json, color, terminal }
    }

    /// Takes an event in that happened before anyone watched: nothing is written about it.
    pub(crate) fn catch_up(&mut self, event: &Event) {
        let _ = self.feed.take(event, Detail::Story);
    }

    /// Tells an event.
    pub(crate) fn tell(&mut self, event: &Event) -> Result<(), Failure> {
        if self.json {
            let text = serde_json::to_string(event)
                .map_err(|error| Failure::internal("the event cannot be written as JSON").because(error))?;
            return self.line(&text::json(&text));
        }
        if let Some(line) = self.feed.take(event, Detail::Story) {
            // A terminal may have been made wider or narrower since the last line.
            let width = self.terminal.as_ref().and_then(|_| output::width());
            self.line(&line.render(self.color, width))?;
        }
        Ok(())
    }

    /// Writes a line of its own between the feed's.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        let text = text::for_terminal(text);
        if let Some(terminal) = &self.terminal {
            return output::written(terminal.bars.println(text));
        }
        let mut stdout = io::stdout().lock();
        output::written(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
    }

    /// Brings the progress lines up to date.
    pub(crate) fn draw(&mut self, now: Timestamp) {
        if let Some(terminal) = &mut self.terminal {
            terminal.draw(&self.feed, now);
        }
    }

    /// Takes the progress lines away; what was told stays.
    pub(crate) fn finish(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.clear();
        }
    }
}

/// How many agents get a progress line; a team of fifty would push the feed off the screen.
const MOST_AGENT_LINES: usize = 12;

/// The lines at the bottom of a terminal.
struct Terminal {
    bars: MultiProgress,
    header: ProgressBar,
    agents: BTreeMap<AgentId, ProgressBar>,
    more: ProgressBar,
    agent_style: ProgressStyle,
}

impl Terminal {
    fn new(color: bool) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let style = |template: &str| {
            let style = ProgressStyle::with_template(template).expect("the template is fixed and parses");
            style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
        };
        let header = bars.add(ProgressBar::new_spinner());
        header.set_style(style(if color { "{msg:.bold}" } else { "{msg}" }));
        let more = bars.add(ProgressBar::new_spinner());
        more.set_style(style("{msg}"));
        let agent_style = style(if color { "{spinner:.cyan} {wide_msg}" } else { "{spinner} {wide_msg}" });
        Self { bars, header, agents: BTreeMap::new(), more, agent_style }
    }

    fn draw(&mut self, feed: &Feed, now: Timestamp) {
        let several = feed.unfinished().count() > 1;
        let headers: Vec<String> = feed
            .unfinished()
            .map(|(id, board)| {
                let name = if several { format!("{id}: ") } else { String::new() };
                format!("{name}{}", board.headline(now))
            })
            .collect();
        let headers: Vec<String> = match output::width() {
            Some(width) => headers.iter().map(|header| wrap::wrap(header, width, width).join("\n")).collect(),
            None => headers,
        };
        self.header.set_message(text::for_terminal(&headers.join("\n")));

        let active: Vec<(AgentId, String)> =
            feed.unfinished().flat_map(|(_, board)| board.active_lines()).collect();
        let shown = &active[..active.len().min(MOST_AGENT_LINES)];
        self.agents.retain(|agent, bar| {
            let stays = shown.iter().any(|(id, _)| id == agent);
            if !stays {
                bar.finish_and_clear();
                self.bars.remove(bar);
            }
            stays
        });
        for (agent, message) in shown {
            let bar = self.agents.entry(agent.clone()).or_insert_with(|| {
                let bar = self.bars.insert_before(&self.more, ProgressBar::new_spinner());
                bar.set_style(self.agent_style.clone());
                bar.enable_steady_tick(SPIN_EVERY);
                bar
            });
            bar.set_message(text::for_terminal(message));
        }
        let hidden = active.len() - shown.len();
        let more =
            if hidden > 0 { format!("  and {} more", text::count(hidden, "agent")) } else { String::new() };
        self.more.set_message(more);
    }

    fn clear(&mut self) {
        for (_, bar) in std::mem::take(&mut self.agents) {
            bar.finish_and_clear();
        }
        self.header.finish_and_clear();
        self.more.finish_and_clear();
    }
}

/// Often enough to look alive.
const SPIN_EVERY: Duration = Duration::from_millis(120);
