import { byName } from '../../own.ts'

/** Tags that the registries have and that are not simulated, so that nobody takes them for a mistake; and what there is instead. */
const ABSENT: Readonly<Record<string, { tags: RegExp; instead: string }>> = byName({
  'docker.io/library/mysql': { tags: /^5(\.5(\.\d+)?)(-(debian|oracle))?$/, instead: 'mysql:5.6, 5.7, 8.0, 8.4 and 9' },
  'docker.io/library/mariadb': { tags: /^(5\.5|10\.([0-4]|[7-9]|10)|11\.[0-35-68]|12(\.0)?)(\.\d+)?(-(focal|jammy|noble|bionic|xenial))?$/, instead: 'mariadb:10.5, 10.6, 10.11, 11.4 and 11.7' },
  'docker.io/library/postgres': { tags: /^(9(\.[0-6](\.\d+)?)?|1[01](\.\d+)?|18(\.\d+)?)(-(alpine|bookworm|bullseye|buster|stretch|trixie))?$/, instead: 'postgres:12 to 17' },
  'docker.io/library/redis': { tags: /^([34](\.[02](\.\d+)?)?)(-(alpine|buster|stretch))?$/, instead: 'redis:5 to 8' },
  'docker.io/library/mongo': { tags: /^(3(\.[0-6](\.\d+)?)?|4\.[02](\.\d+)?)(-(bionic|xenial))?$/, instead: 'mongo:4.4 to 8' },
  'docker.io/library/memcached': { tags: /^1\.[45](\.\d+)?(-alpine)?$/, instead: 'memcached:1.6' },
  'docker.io/library/httpd': { tags: /^2\.2(\.\d+)?(-alpine)?$|^2\.4\.6[4-6](-alpine)?$/, instead: 'httpd:2.4' },
  'docker.io/library/nginx': { tags: /^1\.(28\.[12]|29\.[4-8])(-.*)?$/, instead: 'nginx:1.7.12 to 1.29.3' },
  'docker.io/library/alpine': { tags: /^(2\.[67]|3\.([1-9]|1[0-4]|23)(\.\d+)?)$/, instead: 'alpine:3.15 to 3.22' },
  'docker.io/library/debian': { tags: /^(7|8|wheezy|jessie|sid|unstable|experimental|rc-buggy|forky)(-slim)?$/, instead: 'debian:9 to 13' },
  'docker.io/library/ubuntu': { tags: /^(14\.04|16\.04|trusty|xenial|2[0-5]\.10|2[135]\.04|rolling|devel|mantic|lunar|kinetic|oracular|plucky|questing)$/, instead: 'ubuntu:18.04, 20.04, 22.04 and 24.04' },
  'docker.io/library/wordpress': { tags: /^(4\.\d.*|.*fpm.*|cli.*|beta.*)$/, instead: 'wordpress:4.8-apache, 5.x-apache and 6.x-apache' },
  'docker.io/library/traefik': { tags: /^v?(1\.7|2(\.\d+)?|3\.[0-24-6])(\.\d+)?$/, instead: 'traefik:v3.3' },
  'registry.k8s.io/echoserver': { tags: /^1\.[0-35-9]$/, instead: 'echoserver:1.4 and 1.10' },
})

export function tagsInstead(repository: string, tag: string): string | undefined {
  const absent = ABSENT[repository]
  return absent?.tags.test(tag) ? absent.instead : undefined
}
