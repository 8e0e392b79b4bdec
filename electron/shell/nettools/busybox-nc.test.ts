import { expect, test } from 'vitest'
import { twoNodes } from './machines.samples.ts'

/** busybox's nc is the small one, and in Alpine the one that is close to netcat 1.10. */
test("busybox's nc knows no -z; Alpine's does, and keeps quiet about a closed port", () => {
  const { a, b } = twoNodes()
  // the first process, with which the others would end
  b.start('busybox:nc -l -p 9')
  b.start('busybox:nc -l -p 80', { stdin: 'hello\n' })
  expect(a.run('busybox:nc -zv 10.244.1.3 80')).toMatchObject({ stderr: expect.stringMatching(/^nc: invalid option -- 'z'\n.*\n\nUsage: nc \[-iN\]/), code: 1 })
  expect(a.run('busybox:nc -w 1 10.244.1.3 81')).toMatchObject({ stderr: "nc: can't connect to remote host (10.244.1.3): Connection refused\n", code: 1 })
  expect(a.run('busybox:nc -w 1 10.244.1.3 80')).toMatchObject({ stdout: 'hello\n', code: 0 })

  a.machine.fs.writeFile('/etc/alpine-release', '3.22.0\n')
  b.start('busybox:nc -l -p 80')
  expect(a.run('busybox:nc -zv 10.244.1.3 80')).toMatchObject({ stdout: '', stderr: '10.244.1.3 (10.244.1.3:80) open\n', code: 0 })
  expect(a.run('busybox:nc -zv 10.244.1.3 81')).toMatchObject({ stderr: '', code: 1 })
  expect(a.run('busybox:nc -zvv 10.244.1.3 81')).toMatchObject({ stderr: 'nc: 10.244.1.3 (10.244.1.3:81): Connection refused\nsent 0, rcvd 0\n', code: 1 })
  expect(a.run('busybox:nc -zuv 10.244.1.3 53')).toMatchObject({ stderr: '', code: 1 })
})
