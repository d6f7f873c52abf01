//! A plan of capacity: servers needed by each set of figures, and the laws that it rests on.

use maud::{Markup, html};

use super::axis::Scale;
use super::bars::{self, Bar};
use super::table::Table;
use super::{capacity, verdict};
use crate::record::plan::{PlanDocument, PlanRow};
use crate::report::layout::Page;
use crate::report::plan::{full_name, heading};
use crate::report::table::{maybe, real, text, truth, whole};
use crate::units;

pub(super) fn section(document: &PlanDocument) -> Markup {
    let mut page = Page::default();
    heading(&mut page, document);
    let bars: Vec<Bar> = document.rows.iter().map(bar).collect();
    html! {
        (verdict(&page))
        h2 { "Servers needed" }
        figure {
            (bars::render("servers, without those to spare", Scale::Linear, units::decimal, None, &bars))
            (servers(document).render())
        }
        (work(document).render())
        @for (n, law) in document.laws.iter().enumerate() {
            h2 { "Throughput against concurrency: " (&law.document) }
            (capacity::law(&law.law, &format!("law-{}.csv", n + 1)))
        }
    }
}

fn bar(row: &PlanRow) -> Bar {
    let name = full_name(row);
    let note = match (&row.answer, &row.unanswered) {
        (Some(answer), _) => {
            let most = if answer.at_most { "at most " } else { "" };
            format!("{most}{}, with spare {}", answer.servers, answer.servers_with_spare)
        }
        (None, why) => why.clone().unwrap_or_else(|| "not answered".to_owned()),
    };
    Bar {
        label: format!("{name}: {note}"),
        name,
        group: String::new(),
        colour: 0,
        value: row.answer.as_ref().map(|answer| answer.servers as f64),
        low: None,
        high: None,
        bound: row.answer.as_ref().is_some_and(|answer| answer.at_most),
        note: if row.answer.is_some() { note } else { "not answered".to_owned() },
    }
}

fn servers(document: &PlanDocument) -> Table {
    let columns = ["figures", "one_server_load", "servers", "servers_with_spare", "load", "at_most", "unanswered"];
    let mut table = Table::new("servers.csv", &columns);
    for row in &document.rows {
        let answer = row.answer.as_ref();
        table.row(vec![
            text(&full_name(row)),
            real(answer.map(|answer| answer.one_server_load)),
            whole(answer.map(|answer| answer.servers)),
            whole(answer.map(|answer| answer.servers_with_spare)),
            real(answer.map(|answer| answer.load)),
            answer.map(|answer| truth(answer.at_most)).unwrap_or_default(),
            maybe(row.unanswered.as_deref()),
        ]);
    }
    table
}

fn work(document: &PlanDocument) -> Table {
    let columns = [
        "figures",
        "operation",
        "demand_per_s",
        "capacity_per_s",
        "capacity_high_per_s",
        "lower_bound",
        "sized",
        "from",
    ];
    let mut table = Table::new("work.csv", &columns);
    for row in &document.rows {
        for part in row.answer.iter().flat_map(|answer| &answer.uses) {
            table.row(vec![
                text(&full_name(row)),
                text(&part.operation),
                real(part.demand_per_s),
                real(part.capacity_per_s),
                real(part.capacity_high_per_s),
                maybe(part.lower_bound.as_deref()),
                maybe(part.sized.as_deref()),
                text(&part.from),
            ]);
        }
    }
    table
}
