import { expect, test } from 'vitest'
import { laptop } from './testing.samples.ts'

test('what is written to another process\'s descriptor goes where that process writes', () => {
  const { run } = laptop()
  expect(run('echo own > /proc/self/fd/2; bash -c "echo to the parent > /proc/$$/fd/1" > /dev/null; cat /proc/99999/fd/1')).toEqual({
    stdout: 'to the parent\n', stderr: 'own\ncat: /proc/99999/fd/1: No such file or directory\n', code: 1,
  })
})

test('a process is described where proc(5) has it', () => {
  const { stdout } = laptop().run('cd /tmp; readlink /proc/$$/cwd /proc/self/exe; cat /proc/self/comm; grep -E "^(Name|Cap(Eff|Bnd))" /proc/self/status; ls /proc/self/fd | head -3 | paste -sd" "; grep "open files" /proc/self/limits')
  expect(stdout).toBe('/tmp\n/usr/bin/readlink\ncat\nName:\tgrep\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n0 1 2\nMax open files            1024                 1048576              files     \n')
})
