#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What skbox check reads and writes, by other people's programs: rules by their JSON Schema, JUnit by an XSD,
# TAP by prove, JSON by Python.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
skbox=$PWD/build/skbox
[ -x "$skbox" ] || { echo "not ok rules: build/skbox is not there" && exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1: $3"; fi; }
check() { "$skbox" check "$@" 2>"$work/err"; }

# The schema takes what skbox takes, and refuses what it refuses: all but what is within expressions and fields.
python3 - >"$work/out" 2>&1 <<'PYTHON'
import glob, json, sys
import jsonschema, yaml
schema = json.load(open("rules/rules.schema.json"))
jsonschema.Draft7Validator.check_schema(schema)
check = jsonschema.Draft7Validator(schema)
inside = ("bad-expression", "bad-quoted", "bad-field", "bad-text", "bad-bound")
bad = 0
for path in sorted(glob.glob("rules/*.yaml") + glob.glob("testdata/check/rules/*.yaml") + ["testdata/check/expected/learned.yaml"]):
    errors = list(check.iter_errors(yaml.safe_load(open(path))))
    wrong = "/bad-" in path and not any(word in path for word in inside)
    if bool(errors) != wrong:
        print(path, "is", "valid" if wrong else errors[0].message[:300])
        bad += 1
sys.exit(bad != 0)
PYTHON
verdict "the JSON Schema agrees about every file of rules" $? "$(tail -n 3 "$work/out")"

for name in healthy latency-budget; do
	for unknown in fail pass; do
		what="$name, unknown $unknown"
		(cd testdata && check --format junit --unknown $unknown check/rules/every-kind.yaml check/$name.skbx) >"$work/junit.xml"
		xmllint --noout --schema testdata/check/junit.xsd "$work/junit.xml" 2>"$work/lint"
		verdict "JUnit is valid: $what" $? "$(head -n 3 "$work/lint")"
		count() { xmllint --xpath "count(//testcase$1)" "$work/junit.xml"; }
		(cd testdata && check --json check/rules/every-kind.yaml check/$name.skbx) >"$work/json"
		want=$(python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); print(len(j["rules"]), j["failed"], j["unknown"])' "$work/json")
		got="$(count "") $(count "[failure]") $(count "[error or skipped]")"
		verdict "JUnit and JSON say the same: $what" $(($([ "$want" = "$got" ]; echo $?))) "$want, and $got"
		check --format tap13 --unknown $unknown testdata/check/rules/every-kind.yaml testdata/check/$name.skbx >"$work/t.tap"
		prove --verbose --exec cat "$work/t.tap" >"$work/prove" 2>&1
		! grep -qiE 'parse errors|bad plan' "$work/prove" && grep -q "^Files=1, Tests=${want%% *}," "$work/prove"
		verdict "prove reads TAP: $what" $? "$(tail -n 5 "$work/prove")"
		failed=${want#* } && failed=$((${failed% *} + ($([ $unknown = fail ]; echo $?) ? 0 : ${want##* })))
		grep -q "Failed $failed/" "$work/prove"
		verdict "prove counts the failures: $what" $? "$failed expected: $(grep Failed "$work/prove" | head -n 1)"
	done
done
check --format tap13 no-drops testdata/check/healthy.skbx >"$work/t.tap"
prove --exec cat "$work/t.tap" >"$work/prove" 2>&1
verdict "prove is content with rules that pass" $? "$(tail -n 5 "$work/prove")"
check --format tap no-drops testdata/check/healthy.skbx | cmp -s - <(sed '1s/13/14/' "$work/t.tap")
verdict "TAP 14 differs in the version alone" $? "$(head -n 3 "$work/t.tap")"
exit 0
