#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Reports of three recordings in a real browser: tests/report_browser.py says what is looked at.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
skbox=build/skbox
[ -x $skbox ] || { echo "not ok report: $skbox is not there" && exit 1; }
for program in chromium chromedriver; do
	command -v $program >/dev/null || { echo "not ok report: $program is not there: tests/deps test installs it" && exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A recording whose names try to leave the places in which they are shown.
hostile() {
	$skbox json --shape retis testdata/story/drop.skbx 2>/dev/null | /usr/bin/python3 -c '
import json, sys
TAGS = "</script><script>window.hit=1</script><img src=x onerror=window.hit=2>\"\x27`"
for line in sys.stdin:
    event = json.loads(line)
    event.get("startup", {})["cmdline"] = TAGS
    event["common"].get("task", {})["comm"] = TAGS
    event.get("dev", {})["name"] = "<img onerror=a>"
    event.get("nft", {}).update(table_name=TAGS, chain_name="</script><b>")
    event.get("skb-drop", {})["drop_reason"] = "<svg/onload=window.hit=3>"
    kernel = event.get("kernel", {})
    if kernel.get("symbol", "").startswith("net"):
        kernel["symbol"] = "net:<a href=\x27javascript:window.hit=4\x27>"
    kernel["stack_trace"] = ["<!--<script>" + at for at in kernel.get("stack_trace", [])]
    print(json.dumps(event))'
}

hostile >"$work/hostile.json"
$skbox report testdata/demo.skbx -o "$work/demo.html" && $skbox report testdata/story/loss.skbx -o "$work/loss.html" &&
	$skbox report "$work/hostile.json" -o "$work/hostile.html" || { echo "not ok report: no page was written" && exit 1; }

# names that are harmless would prove nothing
tags=$(grep -o 'u003c/script\\u003e\\u003cscript\\u003ewindow.hit' "$work/hostile.html" | wc -l)
if [ "$tags" -ge 9 ] && ! grep -q '<script>window.hit' "$work/hostile.html"; then
	echo "ok hostile names are in the data, escaped"
else
	echo "not ok hostile names are in the data, escaped: $tags places"
fi
for script in analyze/report/page/*.js; do
	grep -nHE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|setTimeout\("' "$script" | grep -v '^[^:]*:[0-9]*:[[:space:]]*/\?\*'
done | { ! grep . && echo "ok no script makes markup of text" || echo "not ok no script makes markup of text: see above"; }

# Without the chart library, with nothing in it, and as large as pages get (3 MB): made of the same parts.
$skbox report testdata/demo.skbx --json >"$work/demo.json"
analyze/report/page/build "$work/plain"
cat "$work/plain/head.html" "$work/demo.json" "$work/plain/tail.html" >"$work/without charts.html"
$skbox report testdata/demo.skbx -w 'skb.len == 1' -o "$work/nothing.html"
/usr/bin/python3 - build/page "$work/demo.json" >"$work/large.html" <<'PYTHON'
import json, sys
head, tail = (open(f"{sys.argv[1]}/{part}.html", encoding="utf-8").read() for part in ("head", "tail"))
data = json.load(open(sys.argv[2], encoding="utf-8"))
data["events"] *= 90
for socket in data["sockets"]:
    times = len(socket["t"])
    socket["t"] = [data["span_ns"] * i // 400 for i in range(400)]
    socket["series"] = {key: [values[i % times] for i in range(400)] for key, values in socket["series"].items()}
data["sockets"] *= 4
data["timeline"].update(bin_ns=data["span_ns"] // 600 + 1, n=600, **{
    key: [i * i % 97 for i in range(600)] for key in ("events", "bytes", "drops", "retransmits", "lost")})
while len(json.dumps(data)) < 2_600_000:
    data["events"] += data["events"][:100]
sys.stdout.write(head + json.dumps(data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026") + tail)
PYTHON

# a browser that hangs is ended; on a quiet machine all three take half a minute
browser() { timeout 240 /usr/bin/python3 tests/report_browser.py "$@" || echo "not ok report: the browser test ended with status $?"; }
browser "$work/demo.html" "$work/loss.html" "$work/hostile.html"
browser --only opens,head,text,drops,search,tables,narrow,print,keyboard,quiet "$work/without charts.html" "$work/nothing.html"
browser --only opens,timeline,paths,quiet "$work/large.html"
exit 0
