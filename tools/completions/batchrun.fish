# SPDX-License-Identifier: BSD-3-Clause
# Completion for fish: batchrun itself says what can follow.
complete -c batchrun -f -a '(set -l words (commandline -opc); $words[1] __complete $words[2..-1] (commandline -ct) 2>/dev/null)'
