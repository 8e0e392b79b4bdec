import { encodeDatabase, type Member } from '../../kubernetes/etcd/database.ts'
import { exposition, type Labels, type MetricFamily } from '../../prometheus.ts'
import { encodeUtf8 } from '../../text.ts'
import { memberIdOf, VERSION } from './services.ts'
import type { EtcdStorage } from './storage.ts'

/** --quota-backend-bytes' default. */
const QUOTA = 2 * 1024 ** 3

/**
 * etcd 3.5's /metrics, those of which something is known here: its one member leads, what it keeps and how often it was
 * written since it started (server/etcdserver/metrics.go, server/mvcc/metrics.go). What Go and gRPC count is not.
 */
export function etcdMetrics(storage: EtcdStorage, member: Member, since: { written: number; removed: number }, startedAt: number): string {
  const { keys } = storage
  const size = encodeUtf8(encodeDatabase(storage.now(member))).length
  const everything = { key: '\0', end: '\0' }
  const { written, removed } = storage.writes
  const deletes = removed - since.removed
  const puts = written - since.written - deletes
  const one = (type: MetricFamily['type'], name: string, help: string, value: number, labels: Labels = {}): MetricFamily => ({ name, help, type, samples: [{ labels, value }] })
  const both = (name: string, help: string, value: number): MetricFamily[] => [one('counter', `etcd_mvcc_${name}`, help, value), one('counter', `etcd_debugging_mvcc_${name}`, help, value)]
  const proposals = keys.revision + 4
  const compacted = keys.compacted(everything)
  return exposition([
    one('gauge', 'etcd_cluster_version', "Which version is running. 1 for 'cluster_version' label with current cluster version", 1, { cluster_version: VERSION.replace(/\.\d+$/, '') }),
    one('gauge', 'etcd_debugging_mvcc_compact_revision', 'The revision of the last compaction in store.', compacted === 0 ? -1 : compacted),
    one('gauge', 'etcd_debugging_mvcc_current_revision', 'The current revision of store.', keys.revision),
    one('gauge', 'etcd_debugging_mvcc_keys_total', 'Total number of keys.', keys.count),
    one('gauge', 'etcd_mvcc_db_total_size_in_bytes', 'Total size of the underlying database physically allocated in bytes.', size),
    one('gauge', 'etcd_mvcc_db_total_size_in_use_in_bytes', 'Total size of the underlying database logically in use in bytes.', size),
    ...both('put_total', 'Total number of puts seen by this member.', puts),
    ...both('delete_total', 'Total number of deletes seen by this member.', deletes),
    one('gauge', 'etcd_server_has_leader', 'Whether or not a leader exists. 1 is existence, 0 is not.', 1),
    one('gauge', 'etcd_server_id', "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.", 1, { server_id: memberIdOf(member) }),
    one('gauge', 'etcd_server_is_leader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.', 1),
    one('gauge', 'etcd_server_is_learner', 'Whether or not this member is a learner. 1 if is, 0 otherwise.', 0),
    one('counter', 'etcd_server_leader_changes_seen_total', 'The number of leader changes seen.', 1),
    one('gauge', 'etcd_server_proposals_applied_total', 'The total number of consensus proposals applied.', proposals),
    one('gauge', 'etcd_server_proposals_committed_total', 'The total number of consensus proposals committed.', proposals),
    one('counter', 'etcd_server_proposals_failed_total', 'The total number of failed proposals seen.', 0),
    one('gauge', 'etcd_server_proposals_pending', 'The current number of pending proposals to commit.', 0),
    one('gauge', 'etcd_server_quota_backend_bytes', 'Current backend storage quota size in bytes.', QUOTA),
    one('gauge', 'etcd_server_version', "Which version is running. 1 for 'server_version' label with current version.", 1, { server_version: VERSION }),
    one('gauge', 'process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', startedAt / 1000),
  ])
}
