# SPDX-License-Identifier: BSD-2-Clause
# fish: the programs themselves say what may stand where the cursor is.
function __skbox_complete
	set -l words (commandline -opc)
	set -l current (string replace -r '^[\'"]' '' -- (commandline -ct))
	for line in ($words[1] __complete $words[2..] "$current" 2>/dev/null)
		switch $line
			case ':command'
				__fish_complete_subcommand --commandline (string split ' ' -- $current)
			case ':files*'
				set -l suffixes (string split ' ' -- $line)[2..]
				if test (count $suffixes) = 0
					__fish_complete_path "$current"
				end
				# __fish_complete_suffix puts files of other suffixes behind them
				for suffix in $suffixes
					__fish_complete_suffix "$current" .$suffix | string match -r -- "^.*(?:/|\\.$suffix)(?:\t.*)?\$"
				end | sort -u
			case '*'
				echo $line
		end
	end
end
complete -c skbox -f -a '(__skbox_complete)'
complete -c skbox-capture -f -a '(__skbox_complete)'
