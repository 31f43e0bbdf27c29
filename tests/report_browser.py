#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Opens reports in a headless Chromium and compares what is drawn with the data inside them.

usage: report_browser.py [--only CHECK,...] REPORT.html...    what a report does not have is not asked of it
       report_browser.py --shoot REPORT.html light|dark FROM TO OUT.png    from one part of it to another: body, #paths

Prints "ok NAME" and "not ok NAME: reason". Needs chromium, chromium-driver and python3-selenium of Debian.
"""
import base64
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

from selenium import webdriver
from selenium.webdriver.common import utils
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

STARTED_WITHIN_S = 20  # the browser itself, on a busy machine
OPENED_WITHIN_MS = 2000  # what a reader is promised for a page of 3 MB
FIRST_ROWS = 200  # EVENTS_STEP of events.js
POINTS = 120  # SOCKETS_POINTS of sockets.js
NO_SSTHRESH = 0x7FFFFFFF
NARROW = 400
SIDE = 10  # LATENCY_SIDE of latency.js
ARGUMENTS = ("--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
             "--disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage "
             "--window-size=1280,900").split()


class LocalService(Service):
    """The driver by its address: a bare system has no /etc/hosts that knows what localhost is."""

    @property
    def service_url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_connectable(self):
        return utils.is_connectable(self.port, "127.0.0.1")


def browser_start(profile):
    """A Chromium that listens on a port of its own choice; returns the process and the address."""
    browser = subprocess.Popen([shutil.which("chromium"), *ARGUMENTS, "--user-data-dir=" + profile,
                                "--remote-debugging-port=0", "about:blank"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(STARTED_WITHIN_S * 20):
        try:
            with open(profile + "/DevToolsActivePort", encoding="ascii") as file:
                return browser, "127.0.0.1:" + file.readline().strip()
        except FileNotFoundError:
            time.sleep(0.05)
    browser.kill()
    raise RuntimeError("the browser did not start")


def driver_start(address):
    options = Options()
    options.debugger_address = address
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=LocalService(shutil.which("chromedriver")), options=options)


class Failed(Exception):
    pass


def same(got, wanted, what):
    if isinstance(got, list) and isinstance(wanted, list):
        for i, (one, other) in enumerate(zip(got, wanted)):
            same(one, other, f"{what}, number {i + 1}")
        same(len(got), len(wanted), f"how many: {what}")
    elif got != wanted:
        raise Failed(f"{what}: {got!r}, not {wanted!r}")


def close(got, wanted, allowed, what):
    if abs(got - wanted) > allowed:
        raise Failed(f"{what}: {got:.2f}, not {wanted:.2f}")


class Report:
    """A report that is open in the browser, and the data inside its file."""

    def __init__(self, driver, path):
        self.driver = driver
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', self.text, re.S)
        self.data = json.loads(found.group(1))
        self.charts = None  # whether the program was built with them; known when it is open

    def open(self):
        self.size(1280, 900)
        self.media()
        self.driver.get("file://" + self.path)
        for _ in range(200):
            if self.js("return document.documentElement.dataset.ready") == "1":
                self.charts = self.js("return typeof d3 === 'object'")
                return
            time.sleep(0.05)
        raise Failed("it was not drawn after 10 s")

    def js(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector, *attributes):
        """The attributes of all elements that a selector finds, as a list of lists; numbers are floats."""
        return self.js("""
            return [...document.querySelectorAll(arguments[0])].map((element) => arguments[1].map((name) => {
                if (name === "text")
                    return element.textContent;
                const value = element.getAttribute(name);
                return value !== null && /^-?[0-9]+(\\.[0-9]+)?(e-?[0-9]+)?$/.test(value) ? Number(value) : value;
            }));""", selector, list(attributes))

    def count(self, selector):
        return self.js("return document.querySelectorAll(arguments[0]).length", selector)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def body(self, part):
        return self.js("return document.querySelector('#' + arguments[0] + ' .body').textContent", part)

    def readout_of_range(self):
        """What the timeline says while its cursor is nowhere."""
        self.js("document.querySelector('#timeline-chart').dispatchEvent(new PointerEvent('pointerleave'))")
        return self.find("#timeline .readout").text

    def key(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def media(self, media="", theme="light"):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "media": media, "features": [{"name": "prefers-color-scheme", "value": theme},
                                          {"name": "prefers-reduced-motion", "value": "reduce"}]})

    def ground(self):
        return self.js("return getComputedStyle(document.body).backgroundColor")


def check_quiet(report):
    said = [entry["message"] for entry in report.driver.get_log("browser")]
    same(said, [], "the console")
    same(report.js("return performance.getEntriesByType('resource').map((entry) => entry.name)"), [], "requests")


def check_opens(report):
    for _ in range(3):  # other work on the machine is not the page's: the best of three counts
        took = report.js("return performance.getEntriesByName('skbox-ready')[0].startTime")
        if took <= OPENED_WITHIN_MS:
            break
        report.open()
    if took > OPENED_WITHIN_MS:
        raise Failed(f"drawn after {took:.0f} ms")
    print(f"{report.path}: {len(report.text)} bytes, drawn after {took:.0f} ms")


def check_head(report):
    data, counts = report.data, report.data.get("counts", {})
    same(report.find("#title").text, " ".join(data["title"].split()), "the title")
    same(report.count("#findings .finding"), len(data.get("findings", [])), "findings")
    for finding in data.get("findings", []):
        if finding["title"] not in report.body("findings"):
            raise Failed("a finding's title lacks: " + finding["title"])
    same(report.count("#trust li"), len(data.get("trust", [])), "lines of trust")
    tiles = dict(report.js("return [...document.querySelectorAll('.tile')].map((tile) =>"
                           "[tile.querySelector('dt').textContent, tile.querySelector('.value').textContent])"))
    for name, key in (("dropped", "drops"), ("retransmitted", "retransmits"), ("packets", "packets")):
        if counts.get(key, 0) < 10000:
            same(tiles[name], str(counts.get(key, 0)), "tile " + name)


def check_timeline(report):
    timeline = report.data["timeline"]
    left = report.js("return document.querySelector('#timeline-chart line.base').x1.baseVal.value")
    right = report.js("return document.querySelector('#timeline-chart line.base').x2.baseVal.value")
    begin = timeline.get("start_ns", 0)
    per_ns = (right - left) / max(report.data["span_ns"] - begin, timeline["n"] * timeline["bin_ns"])
    for lane in ("events", "drops", "retransmits"):
        values = timeline[lane]
        bars = report.all(f"#timeline-chart .bar.{lane}", "data-bin", "x", "width", "height", "y")
        bins = [i for i, value in enumerate(values) if value]
        same([bar[0] for bar in bars], bins, f"bins of {lane}")
        tallest = max((bar[3] for bar in bars), default=0)
        for bar in bars:
            i = int(bar[0])
            close(bar[1], left + i * timeline["bin_ns"] * per_ns, 0.6, f"where bin {i} of {lane} begins")
            close(bar[3], max(1.5, tallest * values[i] / max(values)), 0.1, f"height of bin {i} of {lane}")
            if bar[1] + bar[2] > right + 1.1 or bar[4] < 0:
                raise Failed(f"bin {i} of {lane} is outside")
        if lane != "events" and 0 < len(bins) <= 150:
            same(report.count(f"#timeline-chart .mark.{lane}"), len(bins), f"marks of {lane}")
    same(report.count("#timeline-chart .gap"), len(timeline.get("gaps", [])), "gaps")


def check_paths(report):
    paths = report.data["paths"]
    bands = report.all("#paths-chart .band", "data-count", "stroke-width", "aria-label", "tabindex")
    same(sorted(band[0] for band in bands), sorted(link["count"] for link in paths["links"]), "bands")
    same(report.count("#paths-chart .node"), len(paths["nodes"]), "nodes")
    widest = max(bands)
    for band in bands:
        close(band[1], max(1.5, widest[1] * band[0] / widest[0]), 0.1, f"width of {band[2]}")
    dropped = sum(paths["nodes"][link["to"]]["kind"] == "dropped" for link in paths["links"])
    same(report.count("#paths-chart .band.dropped"), dropped, "bands of drops")
    same(report.count("#paths-chart [tabindex='0']"), 1, "stops of the Tab key in the graph")
    names = [text for text, in report.all("#paths-chart .node-name", "text")]
    for node in paths["nodes"]:
        if not any(node.get("label", node["name"]) in name for name in names):
            raise Failed("a node lacks its name: " + node["name"])


def check_latency(report):
    hops = [hop for hop in report.data["hops"] if any(bucket[2] for bucket in hop["histogram"])]
    buckets = [[bucket for bucket in hop["histogram"] if bucket[2]] for hop in hops]
    same(report.count("#latency .hop"), len(hops), "histograms")
    least = math.log(min(max(1, bucket[0]) for some in buckets for bucket in some))
    slowest = math.log(max(bucket[1] for some in buckets for bucket in some))
    width = report.js("return document.querySelector('#latency svg').viewBox.baseVal.width")
    drawn = report.js("""return [...document.querySelectorAll("#latency .hop")].map((hop) =>
        [...hop.querySelectorAll(".bar")].map((bar) => ["x", "width", "height", "data-count"]
            .map((name) => Number(bar.getAttribute(name)))))""")
    same([[bar[3] for bar in bars] for bars in drawn], [[bucket[2] for bucket in some] for some in buckets],
         "counts of buckets")
    for bars, some in zip(drawn, buckets):
        tallest, most = max(bar[2] for bar in bars), max(bucket[2] for bucket in some)
        for bar, bucket in zip(bars, some):
            close(bar[2], max(1.5, tallest * bucket[2] / most), 0.1, "height of a bucket")
            left, right = (SIDE + (math.log(max(1, edge)) - least) / (slowest - least) * (width - 2 * SIDE)
                           for edge in bucket[:2])
            close(bar[0], left, 0.5, f"where the bucket from {bucket[0]} ns on begins")
            close(bar[1], max(1.5, right - left - 0.5), 0.5, f"width of the bucket from {bucket[0]} ns on")


def check_drops(report):
    drops = report.data.get("drops", {})
    if not drops.get("total"):
        same(report.count("#drops table"), 0, "tables of drops")
        return
    shown = report.js("""return [...document.querySelectorAll("#drops .drops-list")].map((list) =>
        [...list.querySelectorAll("tbody tr")].map((row) => [row.querySelector("th").textContent,
            Number(row.dataset.count), row.querySelector(".share-bar").style.width]))""")
    wanted = [drops[key] for key in ("by_reason", "by_place", "by_flow") if drops[key]]
    same([[row[:2] for row in rows] for rows in shown], [[[row["name"], row["count"]] for row in rows]
                                                          for rows in wanted], "rows of drops")
    for row in sum(shown, []):
        close(float(row[2].rstrip("%")), max(0.5, 100 * row[1] / drops["total"]), 0.06, "the bar of " + row[0])
    reasons = {cell["reason"] for cell in drops["cells"]}
    places = {cell["place"] for cell in drops["cells"]}
    if len(reasons) > 1 and len(places) > 1:
        cells = [count for count, in report.all("#drops .matrix tbody td", "data-count")]
        same(len(cells), len(reasons) * len(places), "cells of the matrix")
        same(sorted(count for count in cells if count), sorted(cell["count"] for cell in drops["cells"]),
             "counts of the matrix")


def known(socket, key):
    return [value for value in socket["series"].get(key, [])
            if value is not None and not (key == "ssthresh" and value >= NO_SSTHRESH)]


def check_sockets(report):
    sockets = report.data["sockets"]
    same(report.count("#sockets .socket"), len(sockets), "sockets")
    lanes = (("cwnd", "ssthresh"), ("rtt_us", "minrtt_us"), ("in_flight",), ("retrans",), ("recvq", "sendq"),
             ("delivery_rate",))
    for i, socket in enumerate(sockets):
        wanted = [key for lane in lanes if any(len(set(known(socket, key))) > 1 for key in lane)
                  for key in lane if known(socket, key)]
        of = f"#sockets .socket:nth-child({i + 1}) "
        same([key for key, in report.all(of + "[data-series]", "data-series")], wanted, socket["label"])
        for key in wanted:
            values = known(socket, key)
            points = report.all(of + f"[data-series={key}] circle", "data-value", "cx", "cy")
            same([point[0] for point in points], values if len(values) <= POINTS else [],
                 f"{key} of {socket['label']}")
            if any(after[1] < before[1] for before, after in zip(points, points[1:])):
                raise Failed(f"{key} of {socket['label']} goes back in time")
            same(report.js("return /^M/.test(document.querySelector(arguments[0]).getAttribute('d'))",
                           of + f"[data-series={key}] path"), True, f"the line of {key}")
        if wanted:
            same(sorted(t for t, in report.all(of + ".moment", "data-t")),
                 sorted(socket["drops"] + socket["retransmits"]), "drops and retransmits of " + socket["label"])


def wanted_events(report, word="", kind="", finding=None):
    return [event for event in report.data["events"]
            if word in "\n".join([event["text"], event.get("probe", ""), event["kind"]]).lower()
            and (not kind or event["kind"] == kind) and (finding is None or finding in event.get("finding", []))]


def shown_events(report, wanted, what):
    same(report.count("#events tbody tr"), min(FIRST_ROWS, len(wanted)), what)
    texts = [text for text, in report.all("#events tbody pre", "text")]
    same(texts, [event["text"] for event in wanted[:FIRST_ROWS]], what)


def check_search(report):
    events = report.data["events"]
    shown_events(report, events, "all events")
    box = report.find("#search")
    word = re.findall(r"[0-9a-z.:]{6,}", events[-1]["text"].lower())[-1]
    box.send_keys(word.upper())
    shown_events(report, wanted_events(report, word), "events with " + word)
    same({text.lower() for text, in report.all("#events mark", "text")}, {word}, "what is marked")
    box.send_keys(Keys.ESCAPE)
    shown_events(report, events, "events after Escape")
    box.send_keys("no such word anywhere")
    same(report.count("#events tbody tr"), 0, "rows for words that are nowhere")
    same(report.find("#events .none").is_displayed(), True, "the line that says so")
    report.find("#events .controls button").click()
    shown_events(report, events, "events after Clear")
    kind = events[0]["kind"]
    report.find(f"#events select option[value='{kind}']").click()
    shown_events(report, wanted_events(report, kind=kind), "events of kind " + kind)
    report.find("#events .controls button").click()


def check_keyboard(report):
    report.js("document.activeElement.blur(); window.scrollTo(0, 0); getSelection().removeAllRanges()")
    report.driver.get("file://" + report.path)
    report.key(Keys.TAB)
    same(report.js("return document.activeElement.className"), "skip", "the first stop")
    report.key(Keys.ENTER)
    same(report.js("return document.activeElement.id"), "findings", "where the skip link leads")
    seen = []
    for _ in range(400):
        report.key(Keys.TAB)
        seen.append(report.js("""const here = document.activeElement;
            return [here.closest("section")?.id || "", here.tagName.toLowerCase(),
                    getComputedStyle(here).outlineStyle !== "none" || getComputedStyle(here).stroke !== "none"]"""))
        if seen[-1][0] in ("events", "recording") or seen[-1][1] in ("body", "html"):
            break
    seen = [stop for stop in seen if stop[1] not in ("body", "html")]
    parts = [part for part, *_ in seen]
    order = [part for i, part in enumerate(parts) if part and part not in parts[:i]]
    have = [part for part in ("findings", "timeline", "drops", "paths", "latency", "sockets", "events", "recording")
            if part in order]
    same(order, have, "the order of the stops")
    for part in ("timeline", "paths", "latency") if report.charts and report.data.get("hops") else ():
        if part not in order:
            raise Failed(part + " cannot be reached with the Tab key")
    same([stop for stop in seen if not stop[2]], [], "stops without a visible focus")


def check_zoom(report):
    chart = "#timeline-chart"
    before = report.count(chart + " .bar.events")
    report.js("document.querySelector(arguments[0]).focus()", chart)
    report.key(Keys.ARROW_RIGHT)
    if not re.search(r"\d event", report.find("#timeline .readout").text):
        raise Failed("the cursor says nothing: " + report.find("#timeline .readout").text)
    report.key("+", "+")
    bins = [int(i) for i, in report.all(chart + " .bar.events", "data-bin")]
    timeline = report.data["timeline"]
    quarter = report.data["span_ns"] / 4 / timeline["bin_ns"]
    if bins and max(bins) - min(bins) > quarter + 1:
        raise Failed(f"after two presses of + bins {min(bins)} to {max(bins)} of {timeline['n']} are seen")
    report.key("0")
    same(report.count(chart + " .bar.events"), before, "bars after 0")
    box = report.find(chart)
    actions = webdriver.ActionChains(report.driver)
    report.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", box)
    actions.move_to_element_with_offset(box, 0, 0).click_and_hold().move_by_offset(200, 0).release().perform()
    bins = [int(i) for i, in report.all(chart + " .bar.events", "data-bin")]
    if bins and not max(bins) - min(bins) < timeline["n"] / 3:
        raise Failed("dragging does not zoom")
    report.driver.find_element(By.CSS_SELECTOR, "#timeline [aria-label='Show all']").click()
    same(report.count(chart + " .bar.events"), before, "bars after All")


def check_shared_time(report):
    """A zoom is the zoom of sockets and, where that is wanted, of the events."""
    chart = "#sockets .socket svg.plot"
    moments = report.count(chart + " .moment")
    points = report.all(chart + " circle", "cx")
    box = report.find("#events .controls input[type=checkbox]") if report.data["events"] else None
    if box:
        box.click()
        shown_events(report, report.data["events"], "events in all of the time")
    report.js("document.querySelector('#timeline-chart').focus()")
    report.key(Keys.END, "+", "+")
    seen = re.search(r"Shown: ([^ ]+)\s+s to ([^ ]+)\s+s", report.readout_of_range())
    begin, end = (float(each.replace("−", "-").replace("+", "")) * 1e9 for each in seen.groups())
    if points:
        same(report.all(chart + " circle", "cx") == points, False, "points of sockets stay where they were")
        moments = sum(begin <= t <= end for socket in report.data["sockets"]
                      for t in socket["drops"] + socket["retransmits"] if any(len(set(known(socket, key))) > 1
                                                                              for key in socket["series"]))
        # what is told in microseconds may be at the edge
        close(report.count(chart + " .moment"), moments, 1, "moments within what is shown")
    if box:
        wanted = sum(begin <= event["t"] <= end for event in report.data["events"])
        close(report.count("#events tbody tr"), wanted, 1, "events within what is shown")
        box.click()
    report.js("document.querySelector('#timeline-chart').focus()")
    report.key("0")
    same(report.all(chart + " circle", "cx"), points, "points of sockets after 0")


def check_rove(report):
    # a resting pointer may come to lie over a mark of its own when the page scrolls
    report.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 1, "y": 1})
    marks = report.count("#paths-chart .node, #paths-chart .band")
    report.js("document.querySelector('#paths-chart [tabindex=\"0\"]').focus()")
    labels = [report.js("return document.activeElement.getAttribute('aria-label')")]
    tips = [report.js("const tip = document.getElementById('tip'); return !tip.hidden && tip.textContent")]
    for _ in range(marks - 1):
        report.key(Keys.ARROW_RIGHT)
        labels.append(report.js("return document.activeElement.getAttribute('aria-label')"))
        tips.append(report.js("const tip = document.getElementById('tip'); return !tip.hidden && tip.textContent"))
    same(labels, tips, "what is said and what is shown")
    same(len([label for label in labels if label]), marks, "marks that the arrow keys reach")


def check_finding_button(report):
    buttons = report.driver.find_elements(By.CSS_SELECTOR, "#findings button[data-finding]")
    if not buttons:
        return
    finding = int(buttons[0].get_attribute("data-finding"))
    report.js("arguments[0].focus()", buttons[0])
    report.key(Keys.ENTER)
    shown_events(report, wanted_events(report, finding=finding), "events of the finding")
    same(report.js("return document.activeElement.id"), "events", "the focus after the button")
    report.key(Keys.TAB)
    same(report.js("return document.activeElement.id"), "search", "the next stop")
    report.find("#events .controls button").click()


def check_theme(report):
    report.media(theme="light")
    light = report.ground()
    report.media(theme="dark")
    dark = report.ground()
    if light == dark:
        raise Failed("light and dark are the same")
    seen = []
    for _ in range(3):
        report.js("document.getElementById('theme').click()")
        seen.append(report.ground())
    same(seen, [light, dark, dark], "light, dark and as the system")
    report.media(theme="light")


def check_print(report):
    report.js("""window.closed = -1; window.addEventListener("beforeprint", () => { window.closed =
        document.querySelectorAll("details:not([open]):not(.screen-only)").length; });""")
    paper = base64.b64decode(report.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    same(paper[:5], b"%PDF-", "what is printed")
    same(report.js("return window.closed"), 0, "what is closed on paper")
    report.media("print", "dark")
    same(report.js("return [...document.querySelectorAll('button, input, select, nav')].filter((each) =>"
                   "each.getClientRects().length).length"), 0, "controls on paper")
    same(report.ground(), "rgb(255, 255, 255)", "the ground of paper")
    report.media()


def check_narrow(report):
    report.size(NARROW, 800)
    time.sleep(0.2)
    wide = report.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    same(wide, 0, f"pixels that lie beside a window of {NARROW}")
    report.size(1280, 900)


def check_text(report):
    """Whatever the data has, it is text: nothing of it ran, and no element is there that is not ours."""
    same(report.js("return window.hit === undefined"), True, "no script of the recording ran")
    same(report.count("img, iframe, object, embed, link, video, audio, base"), 0, "foreign elements")
    same(report.count("script"), 3 if report.charts else 2, "scripts")
    running = report.js("""return [...document.querySelectorAll("*")].flatMap((element) =>
        [...element.attributes].filter((each) => /^on/i.test(each.name)).map((each) => each.name))""")
    same(running, [], "attributes that run")
    shown = report.js("return document.body.textContent")
    data = report.data
    texts = [event["text"] for event in data.get("events", [])[:FIRST_ROWS]]
    texts += [finding["title"] for finding in data.get("findings", [])]
    texts += [value for _, value in data.get("recording", [])]
    texts += [probe["name"] for probe in data.get("probes", [])]
    texts += [row["name"] for rows in data.get("drops", {}).values() if isinstance(rows, list)
              for row in rows if "name" in row]
    for text in texts:
        if text not in shown:
            raise Failed("what the data has is not on the page: " + text)
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', report.text[:20000])
    same(policy is not None and "unsafe" not in policy.group(1) and "default-src 'none'" in policy.group(1), True,
         "a policy that forbids everything else")


def applies(report, check):
    data = report.data
    events, links = data.get("timeline", {}).get("events"), data.get("paths", {}).get("links")
    needs = {check_timeline: events, check_zoom: events, check_shared_time: events, check_paths: links, check_rove: links,
             check_latency: data.get("hops"), check_sockets: data.get("sockets"),
             check_search: data.get("events"), check_finding_button: data.get("events")}
    if not report.charts and check in [*CHARTS, check_zoom, check_shared_time, check_rove]:
        return False
    return bool(needs.get(check, True))


def check_tables(report):
    """Each chart has its figures as a table; without the chart library that is all there is."""
    closed = report.js("return [...document.querySelectorAll('details.figures')].map((details) => {"
                       "details.open = true; return details.querySelector('table') !== null; })")
    time.sleep(0.2)
    rows = report.js("return [...document.querySelectorAll('details.figures')].map((details) =>"
                     "details.querySelectorAll('tbody tr').length)")
    same(len([n for n in rows if not n]), 0, "tables without rows")
    data = report.data
    events = data.get("timeline", {}).get("events", [])
    if any(events):
        timeline = data["timeline"]
        same(rows[0], sum(any(timeline[key][i] for key in ("events", "drops", "retransmits", "lost"))
                          for i in range(len(events))), "rows of the timeline's table")
    wanted = bool(any(events)) + (len(data.get("paths", {}).get("routes", [])) > 0)
    if len(rows) < wanted:
        raise Failed(f"{len(rows)} tables")
    report.js("document.querySelectorAll('details.figures').forEach((details) => { details.open = false; })")
    print(f"{len(closed)} tables with {sum(rows)} rows")


CHARTS = [check_timeline, check_paths, check_latency, check_sockets]
CHECKS = [check_opens, check_head, check_text, check_drops, *CHARTS, check_search, check_finding_button, check_zoom,
          check_shared_time, check_rove, check_tables, check_theme, check_narrow, check_print, check_keyboard, check_quiet]


def run(driver, path, checks):
    report = Report(driver, path)
    name = re.sub(r".*/|\.html$", "", path)
    report.open()
    for check in checks:
        if not applies(report, check):
            continue
        title = name + ": " + check.__name__.replace("check_", "")
        try:
            check(report)
            print("ok " + title)
        except Failed as failed:
            print(f"not ok {title}: {failed}")
        except Exception:  # pylint: disable=broad-except; one check that breaks must not hide the others
            traceback.print_exc(file=sys.stdout)
            print(f"not ok {title}: the check itself failed")


def shoot(driver, path, theme, first, end, out):
    """A picture from the top of one part of the page to the top of another, for docs/."""
    report = Report(driver, path)
    report.open()
    report.media(theme=theme)
    top, bottom = (report.js("return document.querySelector(arguments[0]).getBoundingClientRect().top + scrollY", part)
                   for part in (first, end))
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {
        "captureBeyondViewport": True,
        "clip": {"x": 0, "y": max(0, top - 8), "width": 1280, "height": bottom - top, "scale": 1}})
    with open(out, "wb") as file:
        file.write(base64.b64decode(shot["data"]))


def main():
    profile = tempfile.mkdtemp()
    browser, address = browser_start(profile)
    driver = None
    try:
        driver = driver_start(address)
        if sys.argv[1] == "--shoot":
            shoot(driver, *sys.argv[2:7])
            return
        paths, checks = sys.argv[1:], CHECKS
        if paths[0] == "--only":
            checks = [globals()["check_" + name] for name in paths[1].split(",")]
            paths = paths[2:]
        for path in paths:
            try:
                run(driver, path, checks)
            except Exception as error:  # pylint: disable=broad-except
                traceback.print_exc(file=sys.stdout)
                print(f"not ok {path}: {error}")
    finally:
        if driver:
            driver.quit()
        browser.terminate()
        browser.wait(timeout=STARTED_WITHIN_S)
        shutil.rmtree(profile, ignore_errors=True)


main()
