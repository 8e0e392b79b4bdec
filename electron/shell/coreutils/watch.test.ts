import { describe, expect, it } from 'vitest'
import { house } from '../house.samples.ts'

describe('watch', () => {
  it('ends when what it shows changes (-g), does not change (-q), or the command fails (-e)', () => {
    const { run } = house()
    expect(run('watch -t -n 1 -g date +%s').output.match(/\d{10}/g)).toHaveLength(2)
    expect(run('watch -t -n 1 -q 3 echo same').output.match(/same/g)).toHaveLength(4)
    expect(run('watch -t -e false')).toEqual({ output: '', code: 8 })
  })

  it('marks what has changed (-d), for good if asked to', () => {
    const { run } = house()
    expect(run("echo 0 > n; watch -t -d -q 1 -n 1 'read x < n; [ $x -lt 2 ] && echo $((x+1)) > n; echo v$x.'").output).toBe('v0.\nv\x1b[7m1\x1b[27m.\nv\x1b[7m2\x1b[27m.\nv2.\n')
    expect(run("echo 0 > n; watch -t --differences=permanent -q 1 -n 1 'read x < n; [ $x -lt 2 ] && echo $((x+1)) > n; echo v$x.'").output).toContain('v\x1b[7m2\x1b[27m.\nv\x1b[7m2\x1b[27m.\n')
  })

  it('runs the command itself (-x), and knows its usage', () => {
    const { run } = house()
    expect(run("watch -t -x -q 1 echo 'a  b' '$HOME'").output).toContain('a  b $HOME\n')
    expect(run('watch -v').output).toBe('watch from procps-ng 4.0.2\n')
    expect(run('watch --help').output).toMatch(/^\nUsage:\n watch \[options\] command\n[^]*see watch\(1\)\.\n$/)
    expect(run('watch').code).toBe(1)
    expect(run('watch -z date').output).toMatch(/^watch: invalid option -- 'z'\n\nUsage:\n/)
    expect(run('watch -n x date')).toEqual({ output: "watch: failed to parse argument: 'x': Invalid argument\n", code: 1 })
  })
})
