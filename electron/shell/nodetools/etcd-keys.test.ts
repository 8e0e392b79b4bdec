import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

/** What Debian 12's etcdctl 3.4.23 says to a real etcd of that version, where 3.5 prints the same (etcdctl/ctlv3/command/printer_*.go). */
const PKI = '/etc/kubernetes/pki/etcd'
const ACCESS = `--endpoints=https://127.0.0.1:2379 --cacert=${PKI}/ca.crt --cert=${PKI}/server.crt --key=${PKI}/server.key`
const on = (script: string): string => `hop node control-plane -- sh -c '${script}'`

interface Pair { key: string; create_revision: number; mod_revision: number; version: number; value: string }
interface Said { header: { cluster_id: number; member_id: number; revision: number; raft_term: number }; kvs?: Pair[]; count?: number; more?: boolean; deleted?: number; prev_kv?: Pair; prev_kvs?: Pair[] }

function lab(): { run: ReturnType<typeof house>['run']; etcdctl(line: string): { output: string; code: number | undefined }; json(line: string): Said } {
  const { run } = house({ nodes: 1 })
  const etcdctl = (line: string): { output: string; code: number | undefined } => run(on(`etcdctl ${ACCESS} ${line}`))
  return { run, etcdctl, json: (line) => JSON.parse(etcdctl(`${line} -w json`).output) as Said }
}

it('keys that are nobody\'s are kept with their revisions, and their past can be asked for until it is compacted', () => {
  const { run, etcdctl, json } = lab()
  expect(etcdctl('put foo bar')).toEqual({ code: 0, output: 'OK\n' })
  expect(etcdctl('put foo baz --prev-kv')).toEqual({ code: 0, output: 'OK\nfoo\nbar\n' })
  const third = json('put foo x --prev-kv')
  expect(third.prev_kv).toEqual({ key: 'Zm9v', create_revision: third.prev_kv!.create_revision, mod_revision: third.prev_kv!.mod_revision, version: 2, value: 'YmF6' })
  expect(third.header.revision).toBeGreaterThan(third.prev_kv!.mod_revision)
  const { create_revision: born } = third.prev_kv!
  expect(json('get foo').kvs).toEqual([{ key: 'Zm9v', create_revision: born, mod_revision: third.header.revision, version: 3, value: 'eA==' }])
  expect(etcdctl(`get foo --rev ${born}`).output).toBe('foo\nbar\n')
  expect(etcdctl('get foo --hex').output).toBe('\\x66\\x6f\\x6f\n\\x78\n')
  expect(run(on(`printf "h\\001\\tü\\"" | etcdctl ${ACCESS} put a/1; etcdctl ${ACCESS} get a/ --prefix -w fields | grep -v Revision`)).output).toMatch(/^OK\n"ClusterID" : \d+\n"MemberID" : \d+\n"RaftTerm" : 2\n"Key" : "a\/1"\n"Version" : 1\n"Value" : "h\\x01\\tü\\""\n"Lease" : 0\n"More" : false\n"Count" : 1\n$/)
  expect(json('get a --from-key --limit 1')).toMatchObject({ count: json('get a --from-key').kvs!.length, more: true, kvs: [{ key: 'YS8x' }] })
  expect(json('get nothing')).not.toHaveProperty('kvs')
  expect(etcdctl(`compaction ${third.header.revision}`)).toEqual({ code: 0, output: `compacted revision ${third.header.revision}\n` })
  const refused = (line: string, what: string): void => {
    const { code, output } = etcdctl(line)
    expect(code).toBe(1)
    expect(output).toMatch(/^\{"level":"warn",.*"msg":"retrying of unary invoker failed",.*"attempt":0,"error":"rpc error: code = \w+ desc = etcdserver: .*"\}\nError: etcdserver: /)
    expect(output.split('\n')[1]).toBe(`Error: etcdserver: ${what}`)
  }
  refused(`compaction ${third.header.revision}`, 'mvcc: required revision has been compacted')
  refused('compaction 999999', 'mvcc: required revision is a future revision')
  refused(`get foo --rev ${born}`, 'mvcc: required revision has been compacted')
  refused('get foo --rev 999999', 'mvcc: required revision is a future revision')
  refused('put "" x', 'key is not provided')
  refused('del ""', 'key is not provided')
  refused('put foo v --lease=12', 'requested lease not found')
  refused('put nokey --ignore-value', 'key not found')
  expect(json('del foo --prev-kv')).toMatchObject({ deleted: 1, prev_kvs: [{ key: 'Zm9v', version: 3 }] })
  expect(json('del foo')).not.toHaveProperty('deleted')
  for (const [line, code, output] of [
    ['put', 128, 'Error: put command needs 1 argument and input from stdin or 2 arguments\n'],
    ['put foo --ignore-value zz', 128, "Error: put command needs only 1 argument when 'ignore-value' is set\n"],
    ['put k --lease=zz v', 128, 'Error: bad lease ID (strconv.ParseInt: parsing "zz": invalid syntax), expecting ID in Hex\n'],
    ['get foo --order=zz', 4, 'Error: bad sort order zz\n'],
    ['get foo --sort-by=zz', 4, 'Error: bad sort target zz\n'],
    ['get foo -w table', 4, 'Error: table not supported as output format\n'],
    ['get foo -w nonsense', 4, 'Error: unsupported output format\n'],
    ['get foo --print-value-only -w json', 128, 'Error: print-value-only is only for `--write-out=simple`\n'],
    ['compaction', 128, 'Error: compaction command needs 1 argument\n'],
    ['compaction zz', 1, 'Error: strconv.ParseInt: parsing "zz": invalid syntax\n'],
    ['alarm list', 0, ''],
    ['alarm disarm', 0, ''],
    ['alarm list x', 128, 'Error: alarm list command accepts no arguments\n'],
    ['defrag', 0, 'Finished defragmenting etcd member[https://127.0.0.1:2379]\n'],
    ['watch', 128, 'Error: bad number of arguments\n'],
    ['watch a b --prefix', 128, 'Error: `range_end` and `--prefix` are mutually exclusive\n'],
  ] as const) expect([line, etcdctl(line)]).toEqual([line, { code, output }])
})

it('objects are keys like others: sorted by their revisions, seen as they were, and counted', () => {
  const { run, etcdctl, json } = lab()
  run('for name in c a b; do kubectl create configmap $name --from-literal=k=1; done; kubectl patch configmap c -p "{\\"data\\":{\\"k\\":\\"2\\"}}"')
  const prefix = '/registry/configmaps/default/'
  const names = (flags: string): string[] => etcdctl(`get ${prefix} --prefix --keys-only ${flags}`).output.split('\n').filter((line) => /\/[abc]$/.test(line)).map((line) => line.slice(prefix.length))
  expect(names('')).toEqual(['a', 'b', 'c'])
  expect(names('--order=DESCEND')).toEqual(['c', 'b', 'a'])
  expect(names('--sort-by=CREATE')).toEqual(['c', 'a', 'b'])
  expect(names('--sort-by=modify --order=descend')).toEqual(['c', 'b', 'a'])
  expect(names('--sort-by=VERSION')).toEqual(['a', 'b', 'c'])
  const [now] = json(`get ${prefix}c`).kvs!
  const resourceVersion = run('kubectl get configmap c -o jsonpath="{.metadata.resourceVersion}"').output
  expect(now).toMatchObject({ mod_revision: Number(resourceVersion), version: 2 })
  const [then] = json(`get ${prefix}c --rev ${now!.create_revision}`).kvs!
  expect(then).toMatchObject({ create_revision: now!.create_revision, mod_revision: now!.create_revision, version: 1 })
  expect(atob(then!.value)).toContain('\x0a\x01k\x12\x011')
  run('kubectl delete configmap c')
  expect(json(`get ${prefix}c`).kvs).toBeUndefined()
  expect(json(`get ${prefix}c --rev ${now!.mod_revision}`).kvs).toEqual([now])
})

it('who watches keys sees each change as it was: those since a revision, and those to come', () => {
  const { run, etcdctl, json } = lab()
  const first = json('put foo bar').header.revision
  run(on(`etcdctl ${ACCESS} put foo baz; etcdctl ${ACCESS} del foo`))
  expect(run(on(`timeout 1 etcdctl ${ACCESS} watch foo --rev ${first} --prev-kv`))).toEqual({ code: 124, output: 'PUT\nfoo\nbar\nPUT\nfoo\nbar\nfoo\nbaz\nDELETE\nfoo\nbaz\nfoo\n\n' })
  const { Header, ...told } = JSON.parse(run(on(`timeout 1 etcdctl ${ACCESS} watch foo --rev ${first} -w json`)).output) as { Header: object }
  expect(told).toEqual({
    Events: [
      { kv: { key: 'Zm9v', create_revision: first, mod_revision: first, version: 1, value: 'YmFy' } },
      { kv: { key: 'Zm9v', create_revision: first, mod_revision: first + 1, version: 2, value: 'YmF6' } },
      { type: 1, kv: { key: 'Zm9v', mod_revision: first + 2 } },
    ],
    CompactRevision: 0, Canceled: false, Created: false,
  })
  expect(Header).toMatchObject({ raft_term: 2 })
  // objects, as kubectl changes them
  const live = run(`${on(`timeout 20 etcdctl ${ACCESS} watch /registry/configmaps/default/ --prefix > /tmp/seen`)} & sleep 2; kubectl create configmap one --from-literal=a=b; kubectl label configmap one x=y; kubectl delete configmap one; sleep 20; ${on('grep -aE "^(PUT|DELETE|/registry)" /tmp/seen')}`).output
  expect(live.slice(live.indexOf('PUT'))).toBe(`${'PUT\n/registry/configmaps/default/one\n'.repeat(2)}DELETE\n/registry/configmaps/default/one\n`)
  expect(run(on(`timeout 1 etcdctl ${ACCESS} watch foo --rev ${first + 1} -- sh -c "env | grep ETCD_WATCH_[EV]"`)).output).toBe('PUT\nfoo\nbaz\nDELETE\nfoo\n\nETCD_WATCH_EVENT_TYPE="PUT"\nETCD_WATCH_VALUE="baz"\nETCD_WATCH_EVENT_TYPE="DELETE"\nETCD_WATCH_VALUE=""\n')
  etcdctl(`compaction ${first + 2}`)
  expect(etcdctl(`watch foo --rev ${first}`)).toEqual({ code: 5, output: 'watch was canceled (etcdserver: mvcc: required revision has been compacted)\nError: watch is canceled by the server\n' })
})

it('a watch goes on where it was when etcd comes again', () => {
  const { run } = lab()
  const moved = on('mv /etc/kubernetes/manifests/etcd.yaml /tmp')
  const back = on('mv /tmp/etcd.yaml /etc/kubernetes/manifests')
  run(`${on(`timeout 300 etcdctl ${ACCESS} watch foo > /tmp/seen`)} & sleep 2; ${on(`etcdctl ${ACCESS} put foo 1`)}; ${moved}; sleep 60; ${back}; sleep 60; ${on(`etcdctl ${ACCESS} put foo 2`)}; sleep 10`)
  expect(run(on('cat /tmp/seen')).output).toBe('PUT\nfoo\n1\nPUT\nfoo\n2\n')
})

it('what is put where the API server looks is its object, or is not simulated', () => {
  const { run, etcdctl } = lab()
  run('kubectl create configmap cm --from-literal=a=b; kubectl create secret generic s --from-literal=p=old')
  const key = '/registry/configmaps/default/cm'
  // as kubectl says it, changed, and by the bytes themselves
  run(`${on(`cp /etc/kubernetes/admin.conf /tmp/admin; kubectl --kubeconfig /tmp/admin get cm cm -o json | sed s/\\"b\\"/\\"changed\\"/ | etcdctl ${ACCESS} put ${key}`)}`)
  expect(run('kubectl get cm cm -o jsonpath="{.data.a}"').output).toBe('changed')
  run(`${on(`etcdctl ${ACCESS} get --print-value-only ${key} | head -c -1 > /tmp/bytes`)}; kubectl patch cm cm -p '{"data":{"a":"later"}}'`)
  expect(run(`${on(`etcdctl ${ACCESS} put ${key} < /tmp/bytes`)}; kubectl get cm cm -o jsonpath="{.data.a}"`).output).toBe('OK\nchanged')
  for (const value of ['hello', '{"kind":"ConfigMap"}', '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"cm","namespace":"default"}}']) {
    const { code, output } = run(`${on(`cat > /tmp/value; etcdctl ${ACCESS} put ${key} < /tmp/value`)} <<< '${value}'`)
    expect([value, code, output]).toEqual([value, 69, `podhop: not simulated: bytes at ${key} that kube-apiserver cannot decode as this one of its configmaps (put what etcdctl get --print-value-only or kubectl get -o json gives)\n`])
  }
  expect(etcdctl(`put ${key.replace(/cm$/, 'x')} "$(etcdctl ${ACCESS} get --print-value-only ${key})"`).code).toBe(69)
  expect(run('kubectl get cm cm -o jsonpath="{.data.a}"').output).toBe('changed')
  // a kind that nobody serves
  expect(etcdctl('put /registry/widgets/default/w anything')).toEqual({ code: 0, output: 'OK\n' })
})

it('a snapshot keeps the other keys, too, and how often each was written', () => {
  const { run, json } = lab()
  run('kubectl create configmap cm --from-literal=a=b; kubectl label configmap cm a=b')
  run(on(`etcdctl ${ACCESS} put mine 1; etcdctl ${ACCESS} put mine 2; etcdctl ${ACCESS} snapshot save /tmp/s.db; etcdctl ${ACCESS} del mine; etcdutl snapshot restore /tmp/s.db --data-dir /var/lib/again; sed -i "s#path: /var/lib/etcd\\$#path: /var/lib/again#" /etc/kubernetes/manifests/etcd.yaml`))
  run('sleep 120')
  expect(json('get mine').kvs).toMatchObject([{ version: 2, value: 'Mg==' }])
  expect(json('get /registry/configmaps/default/cm').kvs).toMatchObject([{ version: 2 }])
})

it('endpoints say how they are in every format', () => {
  const { etcdctl } = lab()
  const [{ Endpoint, Status }] = JSON.parse(etcdctl('endpoint status -w json').output) as [{ Endpoint: string; Status: Record<string, unknown> }]
  expect([Endpoint, Object.keys(Status)]).toEqual(['https://127.0.0.1:2379', ['header', 'version', 'dbSize', 'leader', 'raftIndex', 'raftTerm', 'raftAppliedIndex', 'dbSizeInUse']])
  expect(etcdctl('endpoint status -w fields').output).toMatch(/^"ClusterID" : \d+\n"MemberID" : (\d+)\n"Revision" : \d+\n"RaftTerm" : 2\n"Version" : "3\.5\.21"\n"DBSize" : \d+\n"Leader" : \1\n"IsLearner" : false\n"RaftIndex" : (\d+)\n"RaftTerm" : 2\n"RaftAppliedIndex" : \2\n"Errors" : \[\]\n"Endpoint" : "https:\/\/127\.0\.0\.1:2379"\n\n$/)
  expect(etcdctl('endpoint hashkv').output).toMatch(/^https:\/\/127\.0\.0\.1:2379, \d+\n$/)
  expect(etcdctl('endpoint hashkv -w table').output).toMatch(/^\+-+\+-+\+\n\| +ENDPOINT +\| +HASH +\|\n\+-+\+-+\+\n\| https:\/\/127\.0\.0\.1:2379 \| +\d+ \|\n\+-+\+-+\+\n$/)
  expect(etcdctl('endpoint hashkv -w json').output).toMatch(/^\[\{"Endpoint":"https:\/\/127\.0\.0\.1:2379","HashKV":\{"header":\{"cluster_id":\d+,"member_id":\d+,"revision":\d+,"raft_term":2\},"hash":\d+(,"compact_revision":\d+)?\}\}\]\n$/)
  expect(etcdctl('endpoint health -w fields').output).toMatch(/^"Endpoint" : "https:\/\/127\.0\.0\.1:2379"\n"Health" : true\n"Took" : [\d.]+(m|µ)s\n"Error" : \n\n$/)
  expect(etcdctl('member list -w fields').output).toMatch(/^"ClusterID" : \d+\n"MemberID" : \d+\n"Revision" : 0\n"RaftTerm" : 2\n"ID" : \d+\n"Name" : "control-plane"\n"PeerURL" : "https:\/\/172\.18\.0\.2:2380"\n"ClientURL" : "https:\/\/172\.18\.0\.2:2379"\n"IsLearner" : false\n\n$/)
  expect(etcdctl('member list -w json').output).toMatch(/^\{"header":\{"cluster_id":\d+,"member_id":\d+,"raft_term":2\},"members":\[\{"ID":\d+,"name":"control-plane","peerURLs":\["https:\/\/172\.18\.0\.2:2380"\],"clientURLs":\["https:\/\/172\.18\.0\.2:2379"\]\}\]\}\n$/)
})
