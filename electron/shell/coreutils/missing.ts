import { NotSimulated, tool } from './command.ts'

/** Tools that Debian has, and what to use instead. */
const NOT_SIMULATED = [
  ['mkfifo', 'a | b'], ['pr', 'fold, nl, column'], ['fmt', 'fold -s'], ['pathchk', 'ls'], ['ptx', 'grep'], ['shred', 'rm'], ['users', 'whoami'], ['who', 'whoami'], ['b2sum', 'sha256sum'],
  ['dir', 'ls -C'], ['vdir', 'ls -l'], ['diff3', 'diff'], ['sdiff', 'diff -u'], ['zgrep', 'grep'], ['mount', 'cat /proc/mounts'], ['perl', 'sed, awk'],
  ['nstat', 'netstat -s'], ['lnstat', 'conntrack -S'], ['rtmon', 'ip monitor'], ['lsof', 'ss -tulnp'], ['tshark', 'tcpdump'],
  ['iptables-legacy', 'iptables'], ['ip6tables-legacy', 'ip6tables'], ['iptables-legacy-save', 'iptables-save'], ['ip6tables-legacy-save', 'ip6tables-save'], ['ebtables', 'nft, bridge'], ['arptables', 'nft'],
  ['scp', 'ssh NODE cat FILE > FILE'], ['sftp', 'ssh NODE cat FILE > FILE'], ['ssh-keygen', "ssh, for which the laptop's key is known"], ['ssh-copy-id', "ssh, for which the laptop's key is known"],
  ...['gzip', 'gunzip', 'zcat', 'bzip2', 'bunzip2', 'bzcat', 'xz', 'unxz', 'xzcat'].map((name) => [name, 'files as they are; tar without -z, -j or -J'] as const),
] as const

for (const [name, instead] of NOT_SIMULATED) {
  tool(name, 'raw', function* () {
    yield* []
    throw new NotSimulated(`${name} (${instead})`)
  })
}
