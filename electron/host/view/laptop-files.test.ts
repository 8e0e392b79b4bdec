import { expect, it } from 'vitest'
import { createCluster, parseClusterConfig } from '../../engine/cluster.ts'
import { laptopFile, laptopFiles } from './laptop-files.ts'

it('what a student wrote on the laptop can be taken to the real machine, and nothing else', () => {
  const cluster = createCluster(parseClusterConfig({ nodes: 1 }))
  const { fs } = cluster.laptop
  fs.makeDirectory('/home/student/captures', { parents: true })
  fs.writeFile('/home/student/captures/x.pcapng', Uint8Array.of(10, 13, 13, 10, 255))
  fs.writeFile('/home/student/.hidden', 'x')
  fs.symlink('/etc', '/home/student/etc')
  fs.symlink('/etc/passwd', '/home/student/users')
  fs.writeFile('/home/student/web.yaml', 'kind: Pod\n')
  expect(laptopFiles(cluster)).toEqual([{ path: 'captures/x.pcapng', size: 5 }, { path: 'web.yaml', size: 10 }])
  expect(laptopFile(cluster, 'captures/x.pcapng')).toEqual({ name: 'x.pcapng', data: Buffer.from([10, 13, 13, 10, 255]).toString('base64') })
  for (const path of ['captures', 'gone', '.hidden', 'users', 'etc/passwd', '../../etc/passwd', 'captures/../web.yaml', '/web.yaml', 'captures//x.pcapng', '']) expect(() => laptopFile(cluster, path)).toThrow('There is no file')
})
