import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const on = (script: string): string => `hop node control-plane -- sh -c '${script}'`
const value = (text: string, series: string): number => Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.slice(series.length + 1))

/** A token that Prometheus would have. */
const GRANT = 'kubectl create clusterrole scrape --verb=get --non-resource-url=/metrics; kubectl create serviceaccount prom; kubectl create clusterrolebinding scrape --clusterrole=scrape --serviceaccount=default:prom'

it('the scheduler and the controller manager tell who may know it what they have done', () => {
  const { run } = house({ nodes: 2 })
  const scrape = (port: number): string => run(`hop node control-plane -- curl -sk -H "Authorization: Bearer $(kubectl create token prom)" https://127.0.0.1:${port}/metrics`).output
  run(GRANT)
  expect(run(on('curl -sk https://127.0.0.1:10259/metrics')).output).toContain('"message": "forbidden: User \\"system:anonymous\\" cannot get path \\"/metrics\\"",\n  "reason": "Forbidden"')
  expect(run(on('curl -sk -o /dev/null -w "%{http_code}" -H "Authorization: Bearer x" https://127.0.0.1:10259/metrics')).output).toBe('401')
  expect(run(on('curl -sk https://127.0.0.1:10257/healthz')).output).toBe('ok')
  const before = scrape(10259)
  expect(before).toContain('leader_election_master_status{name="kube-scheduler"} 1\n')
  run('kubectl create deployment web --image=nginx:1.27.5 --replicas=3; kubectl run stuck --image=nginx:1.27.5 --overrides=\'{"spec":{"nodeSelector":{"no":"where"}}}\'; sleep 30')
  const after = scrape(10259)
  const scheduled = 'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"}'
  expect(value(after, scheduled) - value(before, scheduled)).toBe(3)
  expect(value(after, 'scheduler_schedule_attempts_total{profile="default-scheduler",result="unschedulable"}')).toBeGreaterThan(0)
  expect(after).toContain('# TYPE scheduler_pending_pods gauge\nscheduler_pending_pods{queue="active"} 0\nscheduler_pending_pods{queue="backoff"} 0\nscheduler_pending_pods{queue="gated"} 0\nscheduler_pending_pods{queue="unschedulable"} 1\n')
  expect(after).toContain('scheduler_unschedulable_pods{plugin="NodeAffinity",profile="default-scheduler"} 1\n')
  const manager = scrape(10257)
  expect(value(manager, 'workqueue_adds_total{name="replicaset"}')).toBeGreaterThan(0)
  expect(manager).toContain('workqueue_depth{name="deployment"} 0\n')
  expect(manager).toContain('node_collector_zone_health{zone=""} 100\n')
  run('hop fault apply node-down worker-1; sleep 120')
  const down = scrape(10257)
  expect(down).toContain('node_collector_unhealthy_nodes_in_zone{zone=""} 1\n')
  expect(down).toContain('node_collector_zone_size{zone=""} 2\n')
  expect(down).toContain('node_collector_evictions_total{zone=""} 1\n')
})

it('etcd tells on its metrics port of its keys and how often they were written', () => {
  const { run } = house({ nodes: 1 })
  const scrape = (): string => run(on('curl -s http://127.0.0.1:2381/metrics')).output
  const before = scrape()
  expect(before).toContain('# HELP etcd_server_has_leader Whether or not a leader exists. 1 is existence, 0 is not.\n# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n')
  run('kubectl create configmap a; kubectl create configmap b; kubectl delete configmap a')
  const after = scrape()
  const more = (name: string): number => value(after, name) - value(before, name)
  expect([more('etcd_mvcc_delete_total'), more('etcd_debugging_mvcc_keys_total')]).toEqual([1, 1])
  expect(more('etcd_mvcc_put_total')).toBeGreaterThanOrEqual(2)
  expect(more('etcd_mvcc_put_total') + 1).toBe(more('etcd_debugging_mvcc_current_revision'))
})
