# SPDX-License-Identifier: BSD-2-Clause
# The manual page of one command: what "skbox help --man COMMAND" makes of the tables, with what
# skbox.1 says about this command in place of the shorter texts of --help.
# usage: awk -v command=NAME -f man/pages.awk man/skbox.1 PAGE

FNR == 1 { file++ }

# ---- skbox.1: prose[], items[OPTION], examples ----

file == 1 && /^\.S[HS] / {
	item = ""
	if ($1 == ".SH") {
		section = substr($0, 5)
		sub_section = ""
	} else {
		sub_section = $2
	}
	next
}
file == 1 && section == "COMMANDS" && sub_section == command {
	# paragraphs below a heading of their own need no indentation
	sub(/^\.IP$/, ".PP")
	prose = prose $0 "\n"
	next
}
file == 1 && section == "OPTIONS" && /^\.T[PQ]$/ {
	if ($0 == ".TP") {
		item = ""
		ours = 1
	}
	head = 1
	next
}
file == 1 && section == "OPTIONS" && head {
	# names of the head; several heads (.TQ) share a text
	head = 0
	fresh = 1
	line = $0
	gsub(/\\-/, "-", line)
	while (match(line, /--[a-z][a-z-]*/)) {
		item = item " " substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
	}
	next
}
file == 1 && section == "OPTIONS" && item != "" {
	if (fresh && /^\.RB \( /) {
		# whose option it is
		line = $0
		gsub(/[^a-z]+/, " ", line)
		ours = index(line " ", " " command " ") > 0
		fresh = 0
		next
	}
	n = split(item, names, " ")
	for (i = 1; i <= n && ours; i++) {
		if (fresh)
			items[names[i]] = ""
		items[names[i]] = items[names[i]] $0 "\n"
	}
	fresh = 0
	next
}
file == 1 && section == "EXAMPLES" && $0 ~ "(^|\\| )skbox " command " " {
	examples = examples $0 "\n"
	next
}
file == 1 { next }

# ---- the page ----

/^\.\\" OPTION / { option = $3; next }
/^\.\\" HELP$/ { body = ""; inside = 1; next }
/^\.\\" PROSE$/ { if (prose != "") body = prose; next }
/^\.\\" END$/ {
	printf "%s", option in items ? items[option] : body
	option = ""
	inside = 0
	next
}
/^\.\\" EXAMPLES$/ {
	if (examples != "")
		printf ".SH EXAMPLES\n.nf\n%s.fi\n", examples
	next
}
inside { body = body $0 "\n"; next }
{ print }
