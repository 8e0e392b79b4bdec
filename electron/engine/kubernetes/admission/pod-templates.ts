import type { ApiResource } from '../client.ts'

/** Kinds that have a Pod in them, by resource and group. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  'replicationcontrollers/': ['spec', 'template'], 'replicasets/apps': ['spec', 'template'], 'deployments/apps': ['spec', 'template'], 'statefulsets/apps': ['spec', 'template'],
  'daemonsets/apps': ['spec', 'template'], 'jobs/batch': ['spec', 'template'], 'cronjobs/batch': ['spec', 'jobTemplate', 'spec', 'template'],
}

/** Where the template of a Pod is in objects of a kind; undefined: they have none. */
export function templatePath({ name, group, custom }: ApiResource): readonly string[] | undefined {
  return custom ? undefined : TEMPLATES[`${name}/${group}`]
}
