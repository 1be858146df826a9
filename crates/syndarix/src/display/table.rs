//! Tables in plain text: columns as wide as their content, numbers to the right.

/// Which side a column's content is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
    footer: bool,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(header: &[(&'static str, Align)]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new(), footer: false }
    }

    /// Adds a row; it has one cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.header.len(), "a row has one cell for each column");
        self.rows.push(cells);
    }

    /// Adds the last row, set off by a rule: the totals.
    pub(crate) fn total(&mut self, cells: impl IntoIterator<Item = String>) {
        self.row(cells);
        self.footer = true;
    }

    /// The table, each line indented by `indent` spaces and ending in a newline.
    pub(crate) fn render(&self, indent: usize) -> String {
        let widths: Vec<usize> = (0..self.header.len())
            .map(|column| {
                let cells =
                    self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
                cells.max().unwrap_or(0).max(self.header[column].0.chars().count())
            })
            .collect();
        let margin = " ".repeat(indent);
        let header: Vec<String> = self.header.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut text = format!("{margin}{}\n", self.line(&header, &widths));
        for (number, row) in self.rows.iter().enumerate() {
            if self.footer && number + 1 == self.rows.len() {
                let rule = widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
                text.push_str(&format!("{margin}{}\n", "─".repeat(rule)));
            }
            text.push_str(&format!("{margin}{}\n", self.line(row, &widths)));
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let cells = cells.iter().zip(widths).zip(&self.header).map(|((cell, width), (_, align))| {
            let padding = " ".repeat(width - cell.chars().count());
            match align {
                Align::Left => format!("{cell}{padding}"),
                Align::Right => format!("{padding}{cell}"),
            }
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn columns_fit_their_content() {
        let mut table = Table::new(&[("agent", Align::Left), ("cost", Align::Right)]);
        table.row(["Dave".to_owned(), "$1.50".to_owned()]);
        table.row(["Éllis-2".to_owned(), "$12.00".to_owned()]);
        table.total(["total".to_owned(), "$13.50".to_owned()]);
        expect![[r#"
            agent      cost
            Dave      $1.50
            Éllis-2  $12.00
            ───────────────
            total    $13.50
        "#]]
        .assert_eq(&table.render(0));
    }
}
