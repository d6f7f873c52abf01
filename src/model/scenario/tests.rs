//! Scenarios as people write them, and where each mistake is found.

use proptest::prelude::*;

use super::*;

const LAUNCH: &str = r#"
[scenario]
name = "launch day"

[[scenario.stage]]
kind = "hold"
rate = "2000/s"
for = "30s"

[[scenario.stage]]
name = "advert"
kind = "spike"
rate = "20k/s"
for = "5s"

[[scenario.stage]]
kind = "ramp"
to = "8000/s"
for = "1m"

[[scenario.stage]]
kind = "pause"
for = "10s"

[[scenario.stage]]
name = "down"
kind = "ramp"
to = "0"
for = "20s"
"#;

#[test]
fn stages_follow_each_other() {
    let scenario = Scenario::parse("launch.toml", LAUNCH).unwrap();
    let seen: Vec<_> =
        scenario.stages().iter().map(|stage| (stage.name.as_str(), stage.from_per_s, stage.to_per_s)).collect();
    // A ramp begins where the last hold or ramp ended: neither a spike nor a pause changes that.
    assert_eq!(
        seen,
        [
            ("1 hold", 2000.0, 2000.0),
            ("advert", 20_000.0, 20_000.0),
            ("3 ramp", 2000.0, 8000.0),
            ("4 pause", 0.0, 0.0),
            ("down", 8000.0, 0.0)
        ]
    );
    assert_eq!((scenario.name(), scenario.length()), ("launch day", Duration::from_secs(125)));
    // 60 000 + 100 000 + 300 000 + 0 + 80 000.
    assert_eq!(scenario.mean_rate().unwrap().as_per_second(), 540_000.0 / 125.0);
    let at = |ms| scenario.stage_at(Duration::from_millis(ms)).name.as_str();
    assert_eq!(
        [at(0), at(29_999), at(30_000), at(95_000), at(500_000)],
        ["1 hold", "1 hold", "advert", "4 pause", "down"]
    );
}

#[test]
fn a_storm_has_a_time_and_a_width() {
    let text = format!("{LAUNCH}\n[scenario.storm]\nat = \"60s\"\nwithin = \"0\"\n");
    let storm = Scenario::parse("launch.toml", &text).unwrap().storm();
    assert_eq!(storm, Some(Storm { at: Duration::from_secs(60), within: Duration::ZERO }));
    assert_eq!(Scenario::parse("launch.toml", LAUNCH).unwrap().storm(), None);
}

#[test]
fn a_mistake_is_told_with_its_line_and_column() {
    let stage = |lines: &str| format!("[scenario]\nname = \"x\"\n[[scenario.stage]]\n{lines}\n");
    for (text, place, says) in [
        (String::new(), "s.toml:1:1:", "scenario"),
        ("[scenario]\nname = \"x\"\nstage = []\n".to_owned(), "s.toml:3:9:", "1 to 1000"),
        ("[scenario]\nname = \"x\\u001b\"\nstage = []\n".to_owned(), "s.toml:2:8:", "is not a name"),
        (stage("kind = \"hold\"\nrate = \"fast\"\nfor = \"1s\""), "s.toml:5:8:", "'fast' is not a rate"),
        (stage("kind = \"hold\"\nrate = \"5/s\"\nfor = \"1\""), "s.toml:6:7:", "is not a time"),
        (stage("kind = \"hold\"\nrate = \"5/s\"\nfor = \"1ms\""), "s.toml:6:7:", "at least 100ms"),
        (stage("kind = \"hold\"\nfor = \"1s\""), "s.toml:3:1:", "a hold needs rate"),
        (stage("kind = \"ramp\"\nrate = \"5/s\"\nfor = \"1s\""), "s.toml:5:8:", "a ramp has no rate"),
        (stage("kind = \"pause\"\nto = \"5/s\"\nfor = \"1s\""), "s.toml:5:6:", "a pause has no to"),
        (stage("kind = \"leap\"\nfor = \"1s\""), "s.toml:4:8:", "leap"),
        (stage("kind = \"hold\"\nspeed = \"5/s\"\nfor = \"1s\""), "s.toml:5:1:", "speed"),
        (stage("kind = \"pause\"\nfor = \"1s\""), "s.toml:3:1:", "less than one arrival"),
        (stage("kind = \"hold\""), "s.toml:3:1:", "for"),
        (
            stage("kind = \"hold\"\nrate = \"5/s\"\nfor = \"9s\"\n[scenario.storm]\nat = \"5s\"\nwithin = \"4s\""),
            "s.toml:8:6:",
            "not over before the stages are",
        ),
        (
            format!(
                "{}[[scenario.stage]]\nkind=\"pause\"\nname=\"a\"\nfor=\"1s\"\n",
                stage("kind = \"pause\"\nname = \"a\"\nfor = \"1s\"")
            ),
            "s.toml:7:1:",
            "two stages are called 'a'",
        ),
    ] {
        let error = Scenario::parse("s.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with(place) && error.contains(says), "{text}\n{error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "(?s).{0,200}") {
        let _ = Scenario::parse("s.toml", &text);
    }

    #[test]
    fn nothing_near_a_scenario_panics(
        lines in prop::collection::vec("(kind|rate|to|from|for|name|speed) ?= ?(\"(hold|ramp|spike|pause|0|5/s|1s|-1|9e9/s|10ms|999h)\"|[0-9\\[{])", 0..12)
    ) {
        let text = format!("[scenario]\nname = \"x\"\n[[scenario.stage]]\n{}", lines.join("\n"));
        if let Ok(scenario) = Scenario::parse("s.toml", &text) {
            prop_assert!(scenario.mean_rate().is_some());
        }
    }
}
