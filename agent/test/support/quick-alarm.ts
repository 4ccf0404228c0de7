/**
 * Arguments of perl, in front of a script and its own: every alarm that the script sets comes after a second, and how long
 * it wanted to wait is told at standard error.
 */
export const QUICK_ALARM = [
  '-e',
  `BEGIN {
    *CORE::GLOBAL::alarm = sub {
      print STDERR "alarm $_[0]\\n" if $_[0];
      CORE::alarm($_[0] ? 1 : 0);
    };
  }
  my ($script) = shift =~ /\\A(.*)\\z/s;
  do $script;
  die $@;`,
] as const;
