# perl -T start-with-keys.pl SOCKET PERMIT DISK[,DISK ...] COMMAND [ARGUMENT ...]
#
# Becomes COMMAND, to which QEMU's options for the keys of its disks are added. Each key comes from the agent's socket
# and lies in a pipe that the command inherits: never in a file, an argument or the environment. The agent's own process
# cannot do it, since Node hands no descriptor on through execve(2). Needs perl-base alone.
use strict;
use warnings;
use Fcntl qw(F_SETFD);
use Socket qw(PF_UNIX SOCK_STREAM pack_sockaddr_un);

my $MAX_ANSWER = 131_072;
my $MAX_KEY = 1_024;
my $SECONDS = 10;

sub fail {
    print STDERR "touchstone-agent: $_[0] The VM is not started.\n";
    exit 69;
}

# What comes from the caller is what the permit is for, and is handed on as it is.
my ($socket, $permit, $disks, @command) = map { /\A(.*)\z/s; $1 } @ARGV;
fail('No command.') unless @command;
fail('Not a permit.') unless $permit =~ /\A[0-9a-f-]{36}\z/;
my @wanted = split /,/, $disks;
for my $name (keys %ENV) { $ENV{$name} = $1 if $ENV{$name} =~ /\A(.*)\z/s }

$SIG{ALRM} = sub { fail('The agent does not hand the keys over.') };
alarm $SECONDS;
socket(my $agent, PF_UNIX, SOCK_STREAM, 0) or fail("No socket: $!.");
connect($agent, pack_sockaddr_un($socket)) or fail("The agent does not answer: $!.");
my $request = "POST /v1/starts/$permit/keys HTTP/1.1\r\nhost: agent\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
defined syswrite($agent, $request) or fail("The agent does not answer: $!.");
my $answer = '';
while (1) {
    my $read = sysread($agent, $answer, 16_384, length $answer);
    fail("The agent does not answer: $!.") unless defined $read;
    last if $read == 0;
    fail('The agent answers too much.') if length($answer) > $MAX_ANSWER;
}
close $agent;
alarm 0;
$SIG{ALRM} = 'DEFAULT';

fail('The agent does not hand the keys over: start the VM again.') unless $answer =~ m{\AHTTP/1\.1 200 };
my %pipes;
while ($answer =~ /\{"disk":"([a-z][a-z0-9]{0,31})","key":"((?:[0-9a-f]{2})+)"\}/g) {
    my ($disk, $key) = ($1, pack('H*', $2));
    fail("Two keys for $disk.") if exists $pipes{$disk};
    fail("The key for $disk is too long.") if length($key) > $MAX_KEY;
    pipe(my $reader, my $writer) or fail("No pipe: $!.");
    my $written = syswrite($writer, $key);
    fail("The key for $disk does not fit.") unless defined $written && $written == length $key;
    close $writer;
    substr($key, 0) = "\0" x length $key;
    fcntl($reader, F_SETFD, 0) or fail("No descriptor: $!.");
    $pipes{$disk} = $reader;
}
substr($answer, 0) = "\0" x length $answer;
for my $disk (@wanted) { fail("No key for $disk.") unless exists $pipes{$disk} }
fail('A key that nobody asked for.') if keys(%pipes) != @wanted;

# As key-options.ts takes them away again, by which the agent knows the process.
push @command, map {
    ('-object', "secret,id=touchstone-$_,format=raw,file=/dev/fd/" . fileno($pipes{$_}))
} @wanted;
{ no warnings 'exec'; exec { $command[0] } @command; }
fail("$command[0] could not be executed: $!.");
