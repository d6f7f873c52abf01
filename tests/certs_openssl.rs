//! What is said of certificates, held against what OpenSSL says of the same: paths, names and revocation lists by `openssl verify`,
//! stapled responses made by `openssl ocsp`, weak keys and hashes made by `openssl req`. `tests/all.sh` runs these with
//! `--include-ignored`, where the `openssl` command is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber,
};
use shakedown::certs::{
    Broken, Context, Crl, CrlStatus, Fault, Inspection, Path as Leads, Reason, Roots, Staple, inspect,
};
use shakedown::model::survey::SentChain;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn openssl(folder: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new("openssl").current_dir(folder).args(args).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// As [`openssl`], where it must succeed.
fn made(folder: &Path, args: &[&str]) {
    let (success, said) = openssl(folder, args);
    assert!(success, "openssl {args:?}: {said}");
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A root, an authority below it, and what is issued below that.
struct World {
    folder: TempDir,
    root: Authority,
    middle: Authority,
    now: OffsetDateTime,
}

/// What is sent and given in one case. The lists are PEM.
struct Case<'a> {
    name: &'a str,
    host: &'a str,
    server: &'a str,
    sent: &'a str,
    lists: String,
}

impl World {
    fn new() -> Self {
        let root = CertifiedIssuer::self_signed(authority_params("the root"), KeyPair::generate().unwrap()).unwrap();
        let middle =
            CertifiedIssuer::signed_by(authority_params("the middle"), KeyPair::generate().unwrap(), &root).unwrap();
        // Whole seconds, as certificates have them.
        let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
        let world = Self { folder: tempfile::tempdir().unwrap(), root, middle, now };
        world.write("root.pem", &world.root.pem());
        world.write("middle.pem", &world.middle.pem());
        world
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A server's certificate for these names in PEM, with its serial number; valid from a day before to 30 days after now, moved by
    /// so many days.
    fn server(&self, names: &[&str], common: &str, moved: i64) -> (String, Vec<u8>) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common);
        params.not_before = self.now + Duration::days(moved - 1);
        params.not_after = self.now + Duration::days(moved + 30);
        let serial = KeyPair::generate().unwrap().public_key_raw()[1..9].to_vec();
        let serial = [&[1], &serial[..]].concat();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        (params.signed_by(&KeyPair::generate().unwrap(), &self.middle).unwrap().pem(), serial)
    }

    /// A list in PEM, issued a day ago.
    fn list(&self, issuer: &Authority, serials: &[&[u8]], days: i64) -> String {
        let revoked = |serial: &&[u8]| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: self.now - Duration::days(2),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: self.now - Duration::days(3),
            next_update: self.now + Duration::days(days),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(issuer).unwrap().pem().unwrap()
    }

    fn inspect(&self, server: &str, sent: &str, lists: &str, host: &str, staple: Option<Vec<u8>>) -> Inspection {
        let sections = |text: &str| -> Vec<Vec<u8>> {
            x509_parser::pem::Pem::iter_from_buffer(text.as_bytes()).map(|pem| pem.unwrap().contents).collect()
        };
        let certificates = [sections(server), sections(sent)].concat();
        let crls = if lists.is_empty() { Vec::new() } else { Crl::from_bytes(lists.as_bytes()).unwrap() };
        let (host, trust) = (host.parse().unwrap(), Roots::from_bytes(self.root.pem().as_bytes()).unwrap());
        let context = Context { host: &host, trust: &trust, crls: &crls, now: self.now };
        inspect(&SentChain { key: None, certificates, staples: staple.into_iter().collect() }, &context).unwrap()
    }

    /// Both are asked, and must agree.
    fn agree(&self, case: &Case<'_>, good: bool) {
        let server = self.write("server.pem", case.server);
        self.write("sent.pem", case.sent);
        self.write("lists.pem", &case.lists);
        let (now, server) = (self.now.unix_timestamp().to_string(), server.to_string_lossy().into_owned());
        let mut args = vec!["verify", "-purpose", "sslserver", "-attime", &now, "-CAfile", "root.pem"];
        if !case.sent.is_empty() {
            args.extend(["-untrusted", "sent.pem"]);
        }
        if !case.lists.is_empty() {
            args.extend(["-crl_check_all", "-CRLfile", "lists.pem"]);
        }
        let by_address = case.host.parse::<std::net::IpAddr>().is_ok();
        args.extend([if by_address { "-verify_ip" } else { "-verify_hostname" }, case.host, &server]);
        let (theirs, said) = openssl(self.folder.path(), &args);
        let found = self.inspect(case.server, case.sent, &case.lists, case.host, None);
        let members = found.path.members();
        let on_path = found.certificates.iter().filter(|cert| members.contains(&cert.position));
        let revocation =
            case.lists.is_empty() || on_path.clone().all(|cert| matches!(cert.crl, CrlStatus::NotRevoked { .. }));
        // OpenSSL falls back to the common name where there is no alternative name.
        let leaf = &found.leaf().facts;
        let by_common_name =
            found.names.cn_match && leaf.dns_names.is_empty() && leaf.ip_addresses.is_empty() && !by_address;
        let ours = found.path.is_trusted() && revocation && (found.names.san_match || by_common_name);
        assert_eq!(ours, good, "{}: {found:?}", case.name);
        assert_eq!(theirs, good, "{}: {said}", case.name);
    }
}

#[test]
#[ignore = "needs openssl"]
fn paths_and_names() {
    let world = World::new();
    let middle = world.middle.pem();
    let stranger = CertifiedIssuer::self_signed(authority_params("a stranger"), KeyPair::generate().unwrap()).unwrap();
    let (plain, _) = world.server(&["server.example", "192.0.2.7"], "x", 0);
    let (wild, _) = world.server(&["*.wild.example"], "x", 0);
    let (common, _) = world.server(&[], "server.example", 0);
    let (late, _) = world.server(&["server.example"], "x", -40);
    let (early, _) = world.server(&["server.example"], "x", 40);
    let mut params = CertificateParams::new(["server.example".to_owned()]).unwrap();
    let unknown = params.signed_by(&KeyPair::generate().unwrap(), &stranger).unwrap().pem();
    let own = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client = params.signed_by(&KeyPair::generate().unwrap(), &world.middle).unwrap().pem();
    let reversed = world.root.pem() + &stranger.pem() + &middle;
    for (name, host, server, sent, good) in [
        ("good", "server.example", &plain, &middle, true),
        ("another order", "server.example", &plain, &reversed, true),
        ("another name", "other.example", &plain, &middle, false),
        ("address", "192.0.2.7", &plain, &middle, true),
        ("another address", "192.0.2.8", &plain, &middle, false),
        ("one label", "a.wild.example", &wild, &middle, true),
        ("two labels", "a.b.wild.example", &wild, &middle, false),
        ("no label", "wild.example", &wild, &middle, false),
        ("common name only", "server.example", &common, &middle, true),
        ("another common name", "other.example", &common, &middle, false),
        ("expired", "server.example", &late, &middle, false),
        ("not yet valid", "server.example", &early, &middle, false),
        ("missing intermediate", "server.example", &plain, &String::new(), false),
        ("unknown root", "server.example", &unknown, &stranger.pem(), false),
        ("self-signed", "server.example", &own, &String::new(), false),
        ("for clients", "server.example", &client, &middle, false),
    ] {
        world.agree(&Case { name, host, server, sent, lists: String::new() }, good);
    }
}

#[test]
#[ignore = "needs openssl"]
fn revocation_lists() {
    let world = World::new();
    let (server, serial) = world.server(&["server.example"], "x", 0);
    let twin = CertifiedIssuer::self_signed(authority_params("the middle"), KeyPair::generate().unwrap()).unwrap();
    let middle_serial = {
        let pem = x509_parser::pem::parse_x509_pem(world.middle.pem().as_bytes()).unwrap().1;
        pem.parse_x509().unwrap().tbs_certificate.raw_serial().to_vec()
    };
    let (of_middle, of_root) = (world.list(&world.middle, &[], 5), world.list(&world.root, &[], 5));
    for (name, lists, good) in [
        ("neither", of_middle.clone() + &of_root, true),
        ("the server's", world.list(&world.middle, &[&[7], &serial], 5) + &of_root, false),
        ("the intermediate", of_middle.clone() + &world.list(&world.root, &[&middle_serial], 5), false),
        ("one list only", of_middle.clone(), false),
        ("the other list only", of_root.clone(), false),
        ("out of date", world.list(&world.middle, &[], -1) + &of_root, false),
        ("by another key", world.list(&twin, &[], 5) + &of_root, false),
        ("beside one by another key", of_middle + &world.list(&twin, &[&serial], 5) + &of_root, true),
    ] {
        let sent = &world.middle.pem();
        world.agree(&Case { name, host: "server.example", server: &server, sent, lists }, good);
    }
}

/// A response of `openssl ocsp`, with this line in its index, signed by the files `<signer>.pem` and `<signer>.key`.
fn responded(world: &World, line: &str, signer: &str, days: &str) -> Vec<u8> {
    let folder = world.folder.path();
    world.write("index.txt", line);
    made(folder, &["ocsp", "-issuer", "middle.pem", "-cert", "server.pem", "-no_nonce", "-reqout", "request.der"]);
    let (cert, key) = (format!("{signer}.pem"), format!("{signer}.key"));
    let args = ["ocsp", "-index", "index.txt", "-CA", "middle.pem", "-rsigner", &cert, "-rkey", &key, "-ndays", days];
    made(folder, &[&args[..], &["-reqin", "request.der", "-respout", "response.der"]].concat());
    fs::read(folder.join("response.der")).unwrap()
}

#[test]
#[ignore = "needs openssl"]
fn stapled_responses() {
    let mut world = World::new();
    let (server, serial) = world.server(&["server.example"], "x", 0);
    world.write("server.pem", &server);
    world.write("middle.key", &world.middle.key().serialize_pem());
    let mut params = CertificateParams::new([]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    let key = KeyPair::generate().unwrap();
    world.write("responder.pem", &params.signed_by(&key, &world.middle).unwrap().pem());
    world.write("responder.key", &key.serialize_pem());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    world.write("impostor.pem", &params.signed_by(&key, &world.middle).unwrap().pem());
    world.write("impostor.key", &key.serialize_pem());

    let serial: String = serial.iter().map(|byte| format!("{byte:02X}")).collect();
    let line = |status: &str| format!("{status}\t{serial}\tunknown\t/CN=x\n");
    let (valid, revoked) = (line("V\t490101000000Z\t"), line("R\t490101000000Z\t240203040506Z,keyCompromise"));
    let other = "V\t490101000000Z\t\t0A0B0C\tunknown\t/CN=x\n";
    let responses: Vec<_> = [
        (&valid[..], "middle"),
        (&valid, "responder"),
        (&valid, "impostor"),
        (&revoked, "middle"),
        (&revoked, "responder"),
        (other, "middle"),
    ]
    .map(|(line, signer)| responded(&world, line, signer, "2"))
    .into();
    // The responder's clock has gone on meanwhile.
    world.now = OffsetDateTime::now_utc();
    let judge = |world: &World, response: &[u8]| {
        let sent = world.middle.pem();
        world.inspect(&server, &sent, "", "server.example", Some(response.to_vec())).staple
    };
    let told: Vec<_> = responses.iter().map(|response| judge(&world, response)).collect();
    assert!(matches!(told[0], Staple::Good { next_update: Some(_), .. }), "{:?}", told[0]);
    assert!(matches!(told[1], Staple::Good { .. }), "{:?}", told[1]);
    assert_eq!(told[2], Staple::Invalid(Fault::BadSignature));
    for told in &told[3..5] {
        let Staple::Revoked(revocation) = told else { panic!("{told:?}") };
        assert_eq!(revocation.at, time::macros::datetime!(2024-02-03 04:05:06 UTC));
        assert_eq!(revocation.reason.map(Reason::name), Some("keyCompromise"));
    }
    assert_eq!(told[5], Staple::Unknown);
    world.now += Duration::days(3);
    assert!(matches!(judge(&world, &responses[0]), Staple::Stale { .. }));
}

#[test]
#[ignore = "needs openssl"]
fn weak_keys_and_hashes() {
    let world = World::new();
    let folder = world.folder.path();
    let subject = ["-subj", "/CN=server.example", "-days", "9", "-nodes", "-keyout", "weak.key", "-out", "weak.pem"];
    for (args, key, weak, signature, broken) in [
        (["-newkey", "rsa:1024", "-sha256"], "RSA 1024", true, "sha256WithRSAEncryption", false),
        (["-newkey", "rsa:2048", "-sha1"], "RSA 2048", false, "sha1WithRSAEncryption", true),
        (["-newkey", "rsa:3072", "-sha512"], "RSA 3072", false, "sha512WithRSAEncryption", false),
    ] {
        made(folder, &[&["req", "-x509"], &args[..], &subject[..]].concat());
        let found =
            world.inspect(&fs::read_to_string(folder.join("weak.pem")).unwrap(), "", "", "server.example", None);
        let facts = &found.leaf().facts;
        assert_eq!((facts.key.to_string().as_str(), facts.key.is_weak()), (key, weak));
        assert_eq!((facts.signature_algorithm.as_str(), facts.broken_hash), (signature, broken));
        assert!(found.names.cn_match && !found.names.san_match);
        assert!(matches!(found.path, Leads::None(Broken::SelfSigned)), "{args:?}: {:?}", found.path);
    }
}
